/// The phases of a run, and which of them is under way.
struct PhaseSequence: Sendable {
    let plan: RunPlan
    /// From 0.
    private(set) var index: Int

    /// The run begins, or goes on, with the phase of its source.
    init(_ plan: RunPlan) {
        self.plan = plan
        index = plan.source.phase
    }

    /// The phase under way.
    var current: PhasePlan { plan.phases[index] }

    var isLast: Bool { index == plan.phases.count - 1 }

    /// Its number from 1, where there is more than one.
    var number: Int? { plan.phases.count > 1 ? index + 1 : nil }

    /// Goes to another phase.
    mutating func enter(_ index: Int) { self.index = index }

    /// It begins, or is gone back to: a line for people.
    func begins(after step: Int) -> String {
        "phase \(index + 1) of \(plan.phases.count) (\(current.name)) begins after step \(step)"
    }
}
