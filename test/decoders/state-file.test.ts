import { describe, expect, it } from 'vitest';
import { AdaptiveDecoder } from '../../src/calibration/adaptive/adaptive-decoder.ts';
import type { AdaptationOptions } from '../../src/calibration/adaptive/adaptive-decoder.ts';
import { crc32 } from '../../src/core/crc32.ts';
import type { Decoder, DecoderKind } from '../../src/decoders/decoder.ts';
import { encodeModel } from '../../src/decoders/model-file.ts';
import { quantiseModel } from '../../src/decoders/quantise-model.ts';
import { decoderKinds, findDecoderKind } from '../../src/decoders/registry.ts';
import { openState, sealedStateBytes, sealState } from '../../src/decoders/state-file.ts';
import type { StateOwner } from '../../src/decoders/state-file.ts';
import { modelHash } from '../../src/host/model-store.ts';
import { decode, makeKernels } from '../compliance/decoder.ts';
import { randomCounts, randomModel } from '../support/decoder-models.ts';
import { betzErrorOf, codeOf } from '../support/recording-errors.ts';

const SHAPE = { inputCount: 5, outputCount: 2 };
const CHECKSUM_BYTES = 4;
const AT = { version: 4, kind: 8, modelHash: 32, stateBytes: 64, state: 68 };

function setUp(name: string, seed = 1): { decoder: Decoder; owner: StateOwner; kind: DecoderKind } {
  const kind = findDecoderKind(name);
  const model = randomModel(kind, SHAPE, {}, seed);
  const decoder = kind.createDecoder(model, makeKernels());
  decode(decoder, randomCounts(9, SHAPE.inputCount, 2));
  return { decoder, owner: { kind, modelHash: modelHash(encodeModel(model)) }, kind };
}

/** Changes some bytes and makes the checksum agree again. */
function forge(sealed: Uint8Array, change: (bytes: Uint8Array, view: DataView) => void): Uint8Array {
  const forged = sealed.slice();
  const view = new DataView(forged.buffer);
  change(forged, view);
  const at = forged.length - CHECKSUM_BYTES;
  view.setUint32(at, crc32(forged.subarray(0, at)), true);
  return forged;
}

function stateOf(decoder: Decoder): Uint8Array {
  const state = new Uint8Array(decoder.stateBytes);
  decoder.saveState(state);
  return state;
}

describe('sealed state', () => {
  it.each(decoderKinds.map(({ name }) => name))(
    'of a %s decoder has the size of its model, and another decoder of the model goes on from it',
    (name) => {
      const { decoder, owner, kind } = setUp(name);
      const sealed = sealState(decoder, owner);
      expect(sealed.length).toBe(sealedStateBytes(decoder));
      expect(sealed.length).toBe(72 + decoder.stateBytes);
      const other = kind.createDecoder(randomModel(kind, SHAPE, {}, 1), makeKernels());
      expect(sealState(other, owner).length).toBe(sealed.length);
      openState(sealed, other, owner);
      const features = randomCounts(30, SHAPE.inputCount, 3);
      expect(decode(other, features)).toEqual(decode(decoder, features));
    },
  );

  it('can lie anywhere in a larger buffer', () => {
    const { decoder, owner } = setUp('gru');
    const sealed = sealState(decoder, owner);
    const state = stateOf(decoder);
    const buffer = new Uint8Array(sealed.length + 8).fill(7);
    buffer.set(sealed, 3);
    decoder.reset();
    openState(buffer.subarray(3, 3 + sealed.length), decoder, owner);
    expect(stateOf(decoder)).toEqual(state);
  });

  it('with any byte changed, in any bit, is refused and leaves the decoder as it was', () => {
    const { decoder, owner } = setUp('wiener');
    const sealed = sealState(decoder, owner);
    decode(decoder, randomCounts(4, SHAPE.inputCount, 5));
    const before = stateOf(decoder);
    for (let at = 0; at < sealed.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const damaged = sealed.slice();
        damaged[at] ^= 1 << bit;
        const code = codeOf(() => {
          openState(damaged, decoder, owner);
        });
        expect(code).toBe(
          at < AT.version
            ? 'DEC_STATE_FORMAT_UNKNOWN'
            : at < AT.kind
              ? 'DEC_STATE_VERSION_UNSUPPORTED'
              : 'DEC_STATE_DAMAGED',
        );
      }
    }
    expect(stateOf(decoder)).toEqual(before);
  });

  it('cut anywhere, or with bytes behind it, is refused', () => {
    const { decoder, owner } = setUp('kalman');
    const sealed = sealState(decoder, owner);
    const refuse = (bytes: Uint8Array): string =>
      codeOf(() => {
        openState(bytes, decoder, owner);
      });
    for (let length = 0; length < sealed.length; length++) {
      const code = refuse(sealed.subarray(0, length));
      expect(code).toBe(length < AT.state + CHECKSUM_BYTES ? 'DEC_STATE_TRUNCATED' : 'DEC_STATE_DAMAGED');
    }
    expect(refuse(Uint8Array.of(...sealed, 0))).toBe('DEC_STATE_DAMAGED');
  });

  it('of another kind, model or precision is refused', () => {
    const gru = setUp('gru');
    const sealed = sealState(gru.decoder, gru.owner);
    const open = (decoder: Decoder, owner: StateOwner) => (): void => {
      openState(sealed, decoder, owner);
    };
    const wiener = setUp('wiener');
    expect(codeOf(open(wiener.decoder, wiener.owner))).toBe('DEC_STATE_KIND_MISMATCH');
    const other = setUp('gru', 2);
    expect(codeOf(open(other.decoder, other.owner))).toBe('DEC_STATE_MODEL_MISMATCH');
    const int8 = quantiseModel(randomModel(gru.kind, SHAPE, {}, 1));
    const int8Owner = { kind: gru.kind, modelHash: modelHash(encodeModel(int8)) };
    expect(codeOf(open(gru.kind.createDecoder(int8, makeKernels()), int8Owner))).toBe(
      'DEC_STATE_MODEL_MISMATCH',
    );
  });

  it('names the file that is none, the model that it is of, and how that was adapting', () => {
    const { decoder, owner, kind } = setUp('gru');
    const sealed = sealState(decoder, owner);
    const refused = (bytes: Uint8Array, other: Decoder, by = owner): string =>
      betzErrorOf(() => {
        openState(bytes, other, by);
      }).message;
    const model = randomModel(kind, SHAPE, {}, 1);
    const file = encodeModel(model);
    expect(refused(file, decoder)).toBe('this file is a Betz model, not a state of a decoder');
    const stranger = setUp('gru', 2);
    const message = refused(sealed, stranger.decoder, stranger.owner);
    expect(message).toContain(owner.modelHash.slice(0, 12));
    expect(message).toContain(stranger.owner.modelHash.slice(0, 12));
    const adaptive = (options: AdaptationOptions): Decoder =>
      new AdaptiveDecoder(model, kind, makeKernels(), options);
    const adapted = sealState(adaptive({}), owner);
    expect(refused(adapted, decoder)).toContain(
      'its model adapted; the decoder that is to go on from it does not',
    );
    expect(refused(sealed, adaptive({}))).toContain(
      'its model did not adapt; the decoder that is to go on from it adapts',
    );
    expect(refused(adapted, adaptive({ normalisation: false, readout: {} }))).toContain(
      'adapted in other ways',
    );
  });

  it('of another version or size is refused, also with a checksum that agrees', () => {
    const { decoder, owner } = setUp('gru');
    const sealed = sealState(decoder, owner);
    const refuse = (change: (bytes: Uint8Array, view: DataView) => void): string =>
      codeOf(() => {
        openState(forge(sealed, change), decoder, owner);
      });
    expect(
      refuse((_, view) => {
        view.setUint32(AT.version, 2, true);
      }),
    ).toBe('DEC_STATE_VERSION_UNSUPPORTED');
    expect(
      refuse((_, view) => {
        view.setUint32(AT.stateBytes, decoder.stateBytes + 4, true);
      }),
    ).toBe('DEC_STATE_SIZE_MISMATCH');
    const shorter = new Uint8Array(sealed.length - 4);
    shorter.set(sealed.subarray(0, shorter.length));
    const consistent = forge(shorter, (_, view) => {
      view.setUint32(AT.stateBytes, decoder.stateBytes - 4, true);
    });
    expect(
      codeOf(() => {
        openState(consistent, decoder, owner);
      }),
    ).toBe('DEC_STATE_SIZE_MISMATCH');
  });

  it.each(['gru', 'wiener'])(
    'of a %s decoder with a number that is not finite is neither sealed nor opened, wherever it stands',
    (name) => {
      const { decoder, owner, kind } = setUp(name);
      const sealed = sealState(decoder, owner);
      const size = kind.stateNumbers === 'float32' ? 4 : 8;
      for (const value of [Number.NaN, Infinity, -Infinity]) {
        for (let at = 0; at < decoder.stateBytes; at += size) {
          const put = (view: DataView, offset: number): void => {
            if (size === 4) view.setFloat32(offset, value, true);
            else view.setFloat64(offset, value, true);
          };
          const forged = forge(sealed, (_, view) => {
            put(view, AT.state + at);
          });
          expect(
            codeOf(() => {
              openState(forged, decoder, owner);
            }),
          ).toBe('DEC_STATE_NOT_FINITE');
          expect(stateOf(decoder)).toEqual(sealed.subarray(AT.state, AT.state + decoder.stateBytes));
        }
      }
      decode(decoder, new Float32Array(SHAPE.inputCount).fill(Number.NaN));
      expect(codeOf(() => sealState(decoder, owner))).toBe('DEC_STATE_NOT_FINITE');
    },
  );

  it('takes neither a hash nor a name that does not fit for good', () => {
    const { decoder, owner } = setUp('gru');
    expect(() => sealState(decoder, { ...owner, modelHash: 'abc' })).toThrow(RangeError);
    const longName = { ...owner.kind, name: 'a'.repeat(25) };
    expect(() => sealState(decoder, { ...owner, kind: longName })).toThrow(RangeError);
  });

  it('is laid out as docs/formats.md says', () => {
    const { decoder, owner } = setUp('gru');
    const sealed = sealState(decoder, owner);
    const view = new DataView(sealed.buffer);
    expect(String.fromCharCode(...sealed.subarray(0, 4))).toBe('BTZS');
    expect(view.getUint32(AT.version, true)).toBe(1);
    expect(String.fromCharCode(...sealed.subarray(AT.kind, AT.modelHash))).toBe('gru'.padEnd(24, '\0'));
    expect(Buffer.from(sealed.subarray(AT.modelHash, AT.stateBytes)).toString('hex')).toBe(owner.modelHash);
    expect(view.getUint32(AT.stateBytes, true)).toBe(decoder.stateBytes);
    expect(sealed.subarray(AT.state, -CHECKSUM_BYTES)).toEqual(stateOf(decoder));
  });
});
