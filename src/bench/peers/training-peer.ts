/** Programs that take the same training step. */
import type { LossGradient, TrainingContestant } from '../training-contestant.ts';
import type { TrainingSubject } from '../training-subject.ts';

export interface PeerTraining extends TrainingContestant {
  /** At the subject's parameters, before any step. */
  readonly first: LossGradient;
}

export interface TrainingPeer {
  /** As users name it. */
  readonly name: string;
  /** How to get it, for whoever does not have it. */
  readonly tip: string;
  /** Whether it can use more than one thread. */
  readonly hasThreads: boolean;
  isInstalled(): boolean;
  /** @throws BetzError CFG_PEER_MISSING, CFG_PEER_BROKEN */
  create(subject: TrainingSubject, threadCount: number): Promise<PeerTraining>;
}
