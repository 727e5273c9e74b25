/**
 * The part of WebAssembly that Betz uses. TypeScript declares it only in lib.dom, which would also let
 * `window` and friends into the runtime, so it stands here instead.
 */
declare namespace WebAssembly {
  type ImportValue = Memory | ((...values: number[]) => number | undefined) | number;
  type Imports = Record<string, Record<string, ImportValue>>;

  class Module {
    constructor(bytes: ArrayBuffer | Uint8Array);
    private readonly brand: never;
  }
  class Instance {
    constructor(module: Module, imports?: Imports);
    readonly exports: Record<string, unknown>;
  }
  class Memory {
    constructor(descriptor: { initial: number; maximum?: number });
    readonly buffer: ArrayBuffer;
    grow(deltaPages: number): number;
  }
  function validate(bytes: ArrayBuffer | Uint8Array): boolean;
}
