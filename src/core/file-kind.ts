/** What a file is, told by how it begins: to say so where a file of another kind was wanted. Nothing is read by it. */

export interface FileKind {
  /** With its article: 'a Betz model'. */
  name: string;
  /** What to do with it, as one sentence. */
  tip: string;
}

const CONVERT = 'Convert the recording to a known format; docs/formats.md describes them.';
const WRONG_FILE = 'Check the path: another file was given than was meant.';
const MATLAB: FileKind = { name: 'a MATLAB file', tip: 'A recording is given to --recording.' };
const SIGNATURES: readonly (FileKind & { signature: string })[] = [
  { signature: 'MATLAB ', ...MATLAB },
  {
    signature: 'BTZS',
    name: 'a state of a decoder',
    tip: 'A state is given to `betz run --load-state`, beside the --model that it was saved from.',
  },
  {
    signature: '\x89MCAP0\r\n',
    name: 'an MCAP log (a session recording of `betz run`, for example)',
    tip: 'It is for viewing (docs/formats.md): give the recording of the array itself.',
  },
  { signature: '\x89HDF\r\n\x1a\n', name: 'HDF5 (NWB, for example)', tip: CONVERT },
  { signature: 'NEURALEV', name: 'Blackrock NEV', tip: CONVERT },
  { signature: 'BREVENTS', name: 'Blackrock NEV', tip: CONVERT },
  { signature: 'NEURALCD', name: 'Blackrock NSx', tip: CONVERT },
  { signature: 'BRSMPGRP', name: 'Blackrock NSx', tip: CONVERT },
  { signature: '\x02\x69\x91\xc6', name: 'Intan RHD', tip: CONVERT },
  { signature: 'XDF:', name: 'XDF', tip: CONVERT },
  { signature: '\x93NUMPY', name: 'NumPy', tip: CONVERT },
  { signature: 'PK\x03\x04', name: 'a ZIP archive', tip: 'Unpack it, and give the file inside it.' },
  { signature: '\x1f\x8b', name: 'gzip', tip: 'Unpack it, and give the file inside it.' },
];
/** By the format that is the first entry of their metadata (docs/formats.md). */
const SAFETENSORS: readonly (FileKind & { format: string })[] = [
  { format: 'betz-model', name: 'a Betz model', tip: 'A model is given to --model.' },
  {
    format: 'betz-checkpoint',
    name: 'a checkpoint of an interrupted `betz pretrain`',
    tip: 'Run that `betz pretrain` again with --resume: it ends with a model.',
  },
];
const OTHER_SAFETENSORS: FileKind = {
  name: 'a safetensors file of another program',
  tip: 'Make a model of its tensors with `betz import`.',
};
const HEAD_BYTES = 512;
const MATLAB_MARK_AT = 126;

/** undefined where nothing is known that begins like this. */
export function fileKind(bytes: Uint8Array): FileKind | undefined {
  const head = Array.from(bytes.subarray(0, HEAD_BYTES), (byte) => String.fromCharCode(byte)).join('');
  const known = SIGNATURES.find(({ signature }) => head.startsWith(signature));
  if (known !== undefined) return known;
  if (/^(IM|MI)$/.test(head.slice(MATLAB_MARK_AT, MATLAB_MARK_AT + 2))) return MATLAB;
  // The header's length, below 100 MB, and then JSON.
  if (/^[^]{4}\0{4}\{/.test(head)) return safetensorsKind(/"format":"([^"]*)"/.exec(head)?.[1]);
  // The version of the format, then the name of the program that wrote it.
  if (/^\x08[\x01-\x1f]\x12/.test(head))
    return { name: 'an ONNX file', tip: 'It is for other programs: give the model that it was made from.' };
  if (/^\s*<(!doctype html|html)/i.test(head)) return { name: 'a web page (HTML)', tip: WRONG_FILE };
  return isText(bytes.subarray(0, HEAD_BYTES)) ? { name: 'text', tip: WRONG_FILE } : undefined;
}

/** UTF-8 without control characters other than white space. */
function isText(bytes: Uint8Array): boolean {
  if (bytes.length === 0) return false;
  // What is no UTF-8 becomes U+FFFD: at the end it may be the half of a letter.
  const text = new TextDecoder('utf-8').decode(bytes).replace(/\ufffd$/, '');
  return !/[\0-\x08\x0e-\x1f\x7f\ufffd]/.test(text);
}

/** @param tag the format that the file's metadata name */
export function safetensorsKind(tag: string | undefined): FileKind {
  return SAFETENSORS.find(({ format }) => format === tag) ?? OTHER_SAFETENSORS;
}
