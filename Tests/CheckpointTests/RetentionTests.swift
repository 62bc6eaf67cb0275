import Foundation
import Testing

@testable import Checkpoint

@Suite struct RetentionTests {
    /// A run with a checkpoint for each of `metrics`.
    func run(_ metrics: [Int: [String: Double]]) throws -> Scratch {
        let scratch = try Scratch()
        let model = try TinyModel()
        for (step, metrics) in metrics {
            try CheckpointFolder.write(
                to: scratch.path, state: TrainerState(step: step, epoch: 0, seed: 1, metrics: metrics),
                configuration: model.configuration, weights: model.tensors, firstMoments: [], secondMoments: [],
                tokenizerFrom: nil)
        }
        return scratch
    }

    func run(steps: ClosedRange<Int>) throws -> Scratch {
        try run(Dictionary(uniqueKeysWithValues: steps.map { ($0, [:]) }))
    }

    func figures(_ accuracy: Double, _ loss: Double) -> [String: Double] {
        ["validation_accuracy": accuracy, "validation_loss": loss]
    }

    func damage(_ scratch: Scratch, step: Int, _ file: String) throws {
        try scratch.write("{", "\(name(step))/\(file)")
    }

    func name(_ step: Int) -> String { "checkpoints/step-0000000\(step)" }

    func steps(_ scratch: Scratch) throws -> [Int] { try CheckpointFolder.list(in: scratch.path).map(\.step) }

    func prune(_ scratch: Scratch, keepNewest: Int) throws -> [Int] {
        try CheckpointFolder.prune(in: scratch.path, keepNewest: keepNewest).map(\.step)
    }

    // MARK: the newest

    @Test func theNewestAreKeptWhole() throws {
        let scratch = try run(steps: 1...5)
        #expect(try prune(scratch, keepNewest: 2) == [3, 2, 1])
        #expect(try scratch.names("checkpoints") == ["step-00000004", "step-00000005"])
        for checkpoint in try CheckpointFolder.list(in: scratch.path) { try checkpoint.verify() }
        #expect(try prune(scratch, keepNewest: 2) == [])
    }

    @Test(arguments: [3, 4, .max]) func whereThereAreNoMoreThanAreKeptNothingIsRemoved(keep: Int) throws {
        let scratch = try run(steps: 1...3)
        #expect(try prune(scratch, keepNewest: keep) == [])
        #expect(try steps(scratch) == [3, 2, 1])
    }

    @Test func aRunWithoutCheckpointsHasNothingToRemove() throws {
        let scratch = try Scratch()
        #expect(try prune(scratch, keepNewest: 1) == [])
        #expect(try CheckpointFolder.best(in: scratch.path) == nil)
    }

    // MARK: the best

    @Test func theBestIsKeptThoughOld() throws {
        let scratch = try run([
            1: figures(0.5, 0.1), 2: figures(0.9, 0.8), 3: figures(0.8, 0.1), 4: [:], 5: figures(0.7, 0.1),
        ])
        #expect(try CheckpointFolder.best(in: scratch.path)?.step == 2)
        #expect(try prune(scratch, keepNewest: 2) == [3, 1])
        #expect(try steps(scratch) == [5, 4, 2])
    }

    @Test func theBestMayBeAmongTheNewest() throws {
        let scratch = try run([1: figures(0.5, 0.1), 2: figures(0.6, 0.1), 3: figures(0.9, 0.8)])
        #expect(try prune(scratch, keepNewest: 1) == [2, 1])
        #expect(try steps(scratch) == [3])
    }

    @Test func ofEqualAccuraciesTheLowestLossThenTheNewestIsBest() throws {
        let losses = try run([1: figures(0.9, 0.3), 2: figures(0.9, 0.2), 3: figures(0.9, 0.4)])
        #expect(try CheckpointFolder.best(in: losses.path)?.step == 2)
        let equal = try run([1: figures(0.9, 0.3), 2: figures(0.9, 0.3), 3: figures(0.9, 0.4)])
        #expect(try CheckpointFolder.best(in: equal.path)?.step == 2)
    }

    @Test func withoutBothFiguresAsNumbersNoneIsBest() throws {
        let scratch = try run([
            1: figures(.nan, 0.1), 2: figures(0.9, .nan), 3: ["validation_accuracy": 1], 4: ["validation_loss": 0],
            5: ["accuracy": 1, "loss": 0],
        ])
        #expect(try CheckpointFolder.best(in: scratch.path) == nil)
        #expect(try prune(scratch, keepNewest: 1) == [4, 3, 2, 1])
    }

    @Test func whatDivergedIsNotBetterThanWhatDidNot() throws {
        let scratch = try run([
            1: figures(.nan, .nan), 2: figures(0.4, .nan), 3: figures(0.4, .infinity), 4: figures(.nan, 0.1),
        ])
        #expect(try CheckpointFolder.best(in: scratch.path)?.step == 3)
    }

    // MARK: damage

    @Test(arguments: ["manifest.json", "trainer_state.json"])
    func damagedOnesAreNotCountedAndThoseOlderThanAWholeOneGo(file: String) throws {
        let scratch = try run(steps: 1...6)
        for step in [2, 4, 6] { try damage(scratch, step: step, file) }
        // The newest may be all that is left of the last steps: a person may want to look at it.
        #expect(try prune(scratch, keepNewest: 2) == [4, 2, 1])
        #expect(try steps(scratch) == [6, 5, 3])
    }

    @Test(arguments: ["manifest.json", "trainer_state.json"])
    func aLostFileIsDamageAndSoIsAFolderInItsPlace(file: String) throws {
        let scratch = try run(steps: 1...3)
        for step in [1, 2] { try FileManager.default.removeItem(atPath: scratch.file("\(name(step))/\(file)")) }
        try AtomicDirectory.makeFolders(scratch.file("\(name(2))/\(file)"))
        #expect(try prune(scratch, keepNewest: 9) == [2, 1])
    }

    @Test func aManifestThatListsNothingAndAStateOfAnotherStepAreDamage() throws {
        let scratch = try run(steps: 1...4)
        try scratch.write(#"{"version":1,"files":{}}"#, "\(name(1))/manifest.json")
        try FileManager.default.moveItem(atPath: scratch.file(name(2)), toPath: scratch.file(name(9)))
        #expect(try prune(scratch, keepNewest: 2) == [1])
        #expect(try steps(scratch) == [9, 4, 3])
    }

    @Test func aDamagedOneIsNeverTheBest() throws {
        let scratch = try run([1: figures(0.9, 0.1), 2: figures(0.5, 0.1), 3: [:]])
        try damage(scratch, step: 1, "manifest.json")
        #expect(try CheckpointFolder.best(in: scratch.path)?.step == 2)
        #expect(try prune(scratch, keepNewest: 1) == [1])
    }

    @Test func whereNoneIsWholeNoneIsRemoved() throws {
        let scratch = try run(steps: 1...2)
        for step in 1...2 { try damage(scratch, step: step, "manifest.json") }
        #expect(try prune(scratch, keepNewest: 1) == [])
        #expect(try steps(scratch) == [2, 1])
    }

    @Test func weightsAreNotRead() throws {
        let scratch = try run(steps: 1...3)
        try damage(scratch, step: 3, "model.safetensors")
        #expect(try prune(scratch, keepNewest: 2) == [1])
    }

    // MARK: what is not ours

    @Test func whatIsNoCheckpointIsNotTouched() throws {
        let scratch = try run(steps: 1...2)
        let foreign = ["notes", "step-1", "step-000000001", "step-0000000x", "best", ".step-00000001.partial-1-x"]
        for name in foreign {
            try AtomicDirectory.makeFolders(scratch.file("checkpoints/\(name)"))
            try scratch.write("mine", "checkpoints/\(name)/mine")
        }
        #expect(try prune(scratch, keepNewest: 1) == [1])
        #expect(try scratch.names("checkpoints") == (foreign + ["step-00000002"]).sorted())
        for name in foreign { #expect(try scratch.names("checkpoints/\(name)") == ["mine"]) }
    }

    @Test func aLinkGoesAndWhatItLeadsToStays() throws {
        let scratch = try run(steps: 1...2)
        try FileManager.default.moveItem(atPath: scratch.file(name(1)), toPath: scratch.file("elsewhere"))
        try FileManager.default.createSymbolicLink(
            atPath: scratch.file(name(1)), withDestinationPath: scratch.file("elsewhere"))
        #expect(try prune(scratch, keepNewest: 1) == [1])
        #expect(try scratch.names("checkpoints") == ["step-00000002"])
        #expect(try scratch.names("elsewhere").count == 5)
    }

    // MARK: errors

    @Test func aFolderThatCannotBeRemovedIsNamed() throws {
        let scratch = try run(steps: 1...2)
        // Long enough that the files can be opened, but not the longer temporary name be given: even root fails there.
        let longest = "/checkpoints/step-00000001/trainer_state.json".utf8.count
        var long = scratch.path
        if (4095 - longest - long.utf8.count) % 2 == 1 { long += "/" }
        while long.utf8.count + 2 <= 4095 - longest { long += "/." }
        let message = failure { try CheckpointFolder.prune(in: long, keepNewest: 1) }
        #expect(message == "\(long)/\(name(1)): cannot remove the folder: File name too long")
        #expect(try steps(scratch) == [2, 1])
    }

    @Test func whatCannotBeLookedAtIsNotTakenForDamaged() throws {
        let scratch = try run(steps: 1...3)
        // A link to itself cannot be followed, by anyone.
        let state = scratch.file("\(name(2))/trainer_state.json")
        try FileManager.default.removeItem(atPath: state)
        try FileManager.default.createSymbolicLink(atPath: state, withDestinationPath: "trainer_state.json")
        #expect(failure { try CheckpointFolder.prune(in: scratch.path, keepNewest: 1) }.hasPrefix("\(state): cannot "))
        #expect(failure { _ = try CheckpointFolder.best(in: scratch.path) }.hasPrefix("\(state): cannot "))
        #expect(try steps(scratch) == [3, 2, 1])
    }

    // Root may remove anything.
    @Test(.enabled(if: geteuid() != 0)) func oneThatStaysDoesNotKeepTheOthersAndIsNoCheckpointAnyMore() throws {
        let scratch = try run(steps: 1...3)
        let locked = "\(name(2))/locked"
        try AtomicDirectory.makeFolders(scratch.file(locked))
        try scratch.write("x", "\(locked)/x")
        chmod(scratch.file(locked), 0o555)
        let message = failure { try CheckpointFolder.prune(in: scratch.path, keepNewest: 1) }
        #expect(message.hasPrefix(scratch.file("checkpoints/.step-00000002.partial-")))
        #expect(try steps(scratch) == [3])
        let left = try #require(try scratch.names("checkpoints").first { $0.hasPrefix(".") })
        chmod(scratch.file("checkpoints/\(left)/locked"), 0o755)
        try AtomicDirectory.removeLeftovers(in: scratch.file("checkpoints"))
        #expect(try scratch.names("checkpoints") == ["step-00000003"])
    }
}
