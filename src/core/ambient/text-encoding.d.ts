/** UTF-8 coding as every host offers it; only the pure compilation needs this, Node's types have their own. */
declare class TextEncoder {
  encode(text: string): Uint8Array<ArrayBuffer>;
}
declare class TextDecoder {
  constructor(label?: 'utf-8', options?: { fatal?: boolean });
  decode(bytes: Uint8Array): string;
}
