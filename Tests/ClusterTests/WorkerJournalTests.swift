import Testing

@testable import Cluster

struct WorkerJournalTests {
    @Test func `a worker says that it waits, has joined, and what it has done`() {
        var journal = WorkerJournal(isQuiet: false, coordinator: "tcp://h:1", now: 0)
        #expect(journal.tick(2) == nil)
        #expect(journal.tick(3) == "waiting for an answer of the coordinator at tcp://h:1")
        #expect(journal.tick(4) == nil)
        #expect(
            journal.welcomed(classes: 3) == "the coordinator at tcp://h:1 has answered; waiting until the work begins")
        #expect(
            journal.joined(rank: 0, size: 2, step: 12)
                == "joined as worker 1 of 2: it trains a model with 3 classes, after step 12")
        for step in 13...15 { journal.stepped(UInt64(step)) }
        #expect(journal.tick(59) == nil)
        #expect(journal.tick(60) == "step 15 is done; 3 steps with this worker")
        #expect(journal.tick(130) == nil, "nothing was done since")
        #expect(journal.joined(rank: 1, size: 2, step: 15) == nil)
        #expect(journal.joined(rank: 0, size: 1, step: 15) == "going on as worker 1 of 1, after step 15")
        journal.evaluated(examples: 10)
        #expect(journal.done == "; this worker took part in 3 steps and evaluated 10 examples")
    }

    @Test func `a worker that is there from the first step says so`() {
        var journal = WorkerJournal(isQuiet: false, coordinator: "tcp://h:1", now: 0)
        _ = journal.welcomed(classes: 2)
        #expect(
            journal.joined(rank: 0, size: 1, step: 0)
                == "joined as worker 1 of 1: it trains a model with 2 classes, from the beginning")
    }

    @Test func `a worker that a run has started leaves that to the run`() {
        var journal = WorkerJournal(isQuiet: true, coordinator: "ipc:///x", now: 0)
        #expect(journal.tick(9) == nil)
        #expect(journal.welcomed(classes: 2) == nil)
        #expect(journal.joined(rank: 0, size: 1, step: 0) == nil)
        journal.stepped(1)
        #expect(journal.tick(99) == nil)
        #expect(journal.done.isEmpty)
    }
}
