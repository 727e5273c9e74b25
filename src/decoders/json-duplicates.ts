/**
 * Finds a key that an object in a JSON text names twice. `JSON.parse` keeps the last one silently, so two readers of
 * one file could see different tensors. The text has been parsed before, so its syntax is known to be right.
 */
export function duplicateKey(json: string): string | undefined {
  const scopes: (Set<string> | undefined)[] = []; // one per open bracket; undefined is an array
  let isKeyNext = false;
  for (let i = 0; i < json.length; i++) {
    const character = json[i];
    if (character === '{') {
      scopes.push(new Set());
      isKeyNext = true;
    } else if (character === '[') {
      scopes.push(undefined);
      isKeyNext = false;
    } else if (character === '}' || character === ']') {
      scopes.pop();
      isKeyNext = false;
    } else if (character === ',') {
      isKeyNext = scopes[scopes.length - 1] !== undefined;
    } else if (character === '"') {
      const end = closingQuote(json, i);
      if (isKeyNext) {
        const key = JSON.parse(json.slice(i, end + 1)) as string; // escapes resolved: "a" and "\u0061" are one key
        const scope = scopes[scopes.length - 1];
        if (scope?.has(key)) return key;
        scope?.add(key);
        isKeyNext = false;
      }
      i = end;
    }
  }
  return undefined;
}

function closingQuote(json: string, openingQuote: number): number {
  let i = openingQuote + 1;
  while (json[i] !== '"') i += json[i] === '\\' ? 2 : 1;
  return i;
}
