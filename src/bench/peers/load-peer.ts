/**
 * Programs that Betz is compared with. They lie in a folder of their own, `peers/`, with their own lock file, because they
 * weigh more than everything else together; `npm run peers` installs them. Nothing but comparisons needs them.
 */
import { createRequire } from 'node:module';
import { BetzError } from '../../core/errors.ts';

/** Two folders below src and dist alike. */
const PEERS_PACKAGE = new URL('../../../peers/package.json', import.meta.url);
const requirePeer = createRequire(PEERS_PACKAGE);

export function isPeerInstalled(name: string): boolean {
  return resolvePeer(name) !== undefined;
}

/**
 * @returns what the package exports; the caller knows its type
 * @throws BetzError CFG_PEER_MISSING, CFG_PEER_BROKEN
 */
export function loadPeer(name: string): unknown {
  if (!isPeerInstalled(name)) {
    throw new BetzError('CFG_PEER_MISSING', `${name} is not installed`, {
      value: name,
      tip: 'Run `npm run peers` in the project folder (600 MB), or leave the comparison out.',
    });
  }
  try {
    return requirePeer(name);
  } catch (cause) {
    throw new BetzError('CFG_PEER_BROKEN', `${name} is installed but does not load`, {
      value: cause instanceof Error ? cause.message : String(cause),
      tip: 'Run `npm run peers` again; it may be that the package has no build for this machine.',
      cause,
    });
  }
}

/** Name and version, as results are labelled. @throws BetzError CFG_PEER_MISSING */
export function peerLabel(name: string): string {
  const { version } = loadPeer(`${name}/package.json`) as { version: string };
  return `${name} ${version}`;
}

/** Only what lies in `peers/`: Node would go on looking in the folders above. */
function resolvePeer(name: string): string | undefined {
  const folder = new URL('node_modules/', PEERS_PACKAGE).pathname;
  try {
    const path = requirePeer.resolve(name);
    return path.startsWith(folder) ? path : undefined;
  } catch {
    return undefined;
  }
}
