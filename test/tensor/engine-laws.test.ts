import { describe } from 'vitest';
import { itObeysEngineLaws } from '../compliance/engine.ts';
import { ENGINES } from '../support/engines.ts';

describe.each(ENGINES)('engine $name', ({ create }) => {
  itObeysEngineLaws(create);
});
