/// Time, and ending early.
extension TrainingLoop {
    mutating func tick(_ membership: inout Membership, _ transition: inout Transition) {
        switch stage {
        case .failing: apply(claims.tick(members: membership.members, transition.now), &transition)
        case .fetching: if checkpointer.policy.isRetryDue(transition.now) { apply(.goOn, &membership, &transition) }
        default: break
        }
    }

    /// Whether the next thing to happen is for this member to do.
    func owes(_ member: WorkerRecord) -> Bool {
        switch stage {
        case .training: checkpointer.transfer.isFetching(from: member.peer) || steps.isAwaited(rank: member.rank)
        case .evaluating: evaluations.isAwaited(member.peer)
        case .verifying: member.digest == nil
        case .fetching: checkpointer.transfer.isFetching(from: member.peer)
        case .idle, .failing, .saving: false
        }
    }

    /// Ends the run with `error` as soon as the state is kept.
    mutating func finish(with error: RunError, _ membership: inout Membership, _ transition: inout Transition) {
        checkpointer.policy.end(with: error)
        switch stage {
        case .training where steps.inFlight.isEmpty, .evaluating: proceed(&membership, &transition)
        default: break
        }
    }

    /// Ctrl-C or SIGTERM, with a generation at work.
    mutating func interrupt(_ membership: inout Membership, _ transition: inout Transition) {
        switch stage {
        case .idle, .training, .evaluating: break
        case .verifying where claims.mustCompareWeights: break
        // The run rests only to go on afterwards.
        case .fetching where checkpointer.isRestTemporary: break
        // What is under way keeps the state anyway, and takes seconds.
        case .verifying, .fetching, .saving, .failing: return
        }
        transition.emit(.interrupted)
        finish(with: .interrupted(checkpoint: nil), &membership, &transition)
    }
}
