/** Tensors that other software computed (tools/golden). */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readSafetensors, toFloat32 } from '../../src/decoders/safetensors.ts';
import type { TensorData } from '../../src/decoders/decoder.ts';

export class Golden {
  readonly metadata: ReadonlyMap<string, string>;
  private readonly tensors: ReadonlyMap<string, TensorData>;

  constructor(fileName: string) {
    const { metadata, tensors } = readSafetensors(readFileSync(goldenPath(fileName)));
    this.metadata = metadata;
    this.tensors = new Map([...tensors].map(([name, stored]) => [name, toFloat32(name, stored)]));
  }

  tensor(name: string): TensorData {
    const tensor = this.tensors.get(name);
    if (tensor === undefined) throw new Error(`the golden file has no tensor '${name}'`);
    return tensor;
  }

  values(name: string): Float32Array {
    return this.tensor(name).data;
  }

  /** Row `index` of a matrix. */
  row(name: string, index: number): Float32Array {
    const { shape, data } = this.tensor(name);
    return data.subarray(index * shape[1], (index + 1) * shape[1]);
  }

  setting(key: string): number {
    const text = this.metadata.get(key);
    if (text === undefined) throw new Error(`the golden file has no setting '${key}'`);
    return Number(text);
  }
}

export function goldenPath(fileName: string): string {
  return fileURLToPath(new URL(`../golden/fixtures/${fileName}`, import.meta.url));
}
