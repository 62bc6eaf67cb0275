import Foundation
import Numerics
import Testing

/// Real processes, killed, stopped and started at random, by a seed: the run ends by itself, with the bits and the log
/// of a run to which nothing happened.
///
/// Short unless SHOAL_CHAOS=long (`./launch.sh test chaos`); SHOAL_CHAOS_SEED chooses another course.
@Suite(.serialized) struct ChaosTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let isLong = environment["SHOAL_CHAOS"] == "long"
    private static let seed = UInt64(environment["SHOAL_CHAOS_SEED"] ?? "") ?? 1

    /// A run that can be killed and resumed, with whatever workers it has.
    private final class Victim {
        let world: TinyWorld
        let isLocal: Bool
        private let endpoint: String
        private let arguments: [String]
        private(set) var coordinator: ShoalProcess
        private var workers: [ShoalProcess] = []
        private var stopped: Set<Int32> = []
        private(set) var story: [String] = []

        init(_ world: TinyWorld, isLocal: Bool, options: [String]) throws {
            self.world = world
            self.isLocal = isLocal
            endpoint = "tcp://127.0.0.1:\(freePort())"
            var arguments = world.train(
                "run",
                options + ["--workers", "3", "--heartbeat-timeout", "1"] + (isLocal ? ["--max-restarts", "1000"] : []))
            if !isLocal {
                arguments[0] = "coordinator"
                arguments += ["--bind", endpoint]
            }
            self.arguments = arguments
            coordinator = try ShoalProcess(arguments, in: world.folder)
            if !isLocal { for _ in 0..<3 { try join() } }
        }

        func join() throws {
            workers.append(try ShoalProcess(["worker", "--coordinator", endpoint], in: world.folder))
        }

        /// The workers that are there, by process id, those that are stopped too.
        var living: [Int32] {
            isLocal
                ? ShoalProcess.mentioning("shoal-").filter { pid in
                    pid != coordinator.process.processIdentifier && ShoalProcess.isWorker(pid, of: world.folder)
                } : workers.filter(\.process.isRunning).map(\.process.processIdentifier)
        }

        func strike(_ random: inout PhiloxStream) throws {
            let living = living.sorted()
            let pid = living.isEmpty ? nil : living[random.next(below: living.count)]
            switch random.next(below: 8) {
            case 0, 1, 2:
                guard let pid else { break }
                story.append("SIGKILL \(pid)")
                kill(pid, SIGKILL)
            case 3, 4:
                guard let pid else { break }
                story.append("SIGSTOP \(pid)")
                kill(pid, SIGSTOP)
                stopped.insert(pid)
            case 5: resumeStopped()
            case 6:
                guard !isLocal, living.count < 5 else { break }
                story.append("join")
                try join()
            default:
                story.append("SIGKILL coordinator")
                try restartCoordinator(after: UInt32(random.next(below: 1_500_000)))
            }
        }

        func restartCoordinator(after microseconds: UInt32) throws {
            kill(coordinator.process.processIdentifier, SIGKILL)
            coordinator.wait(seconds: 5)
            usleep(microseconds)
            coordinator = try ShoalProcess(["resume", world.path("run")], in: world.folder)
        }

        func resumeStopped() {
            for pid in stopped {
                story.append("SIGCONT \(pid)")
                kill(pid, SIGCONT)
            }
            stopped.removeAll()
        }

        /// A user starts workers by hand where there are too few.
        func tend() throws {
            if !isLocal, workers.count(where: { $0.process.isRunning }) < 2 { try join() }
        }

        func finish() {
            resumeStopped()
            for worker in workers { worker.wait(seconds: 20) }
        }
    }

    @Test(arguments: [true, false]) func `whatever happens, the bits are the same`(isLocal: Bool) throws {
        let (strikes, epochs) = Self.isLong ? (40, 2000) : (20, 600)
        let world = try TinyWorld()
        let options = [
            "--epochs", "\(epochs)", "--validation", world.path("validation.csv"), "--schedule", "plateau",
            "--checkpoint-every", "50", "--orphan-timeout", "20",
        ]
        let calm = try ShoalProcess.run(world.train("calm", options + ["--workers", "2"]), in: world.folder)
        #expect(calm.code == 0, "\(calm.process.errors)")
        let steps = world.steps("calm")
        #expect(steps >= 60)
        let victim = try Victim(world, isLocal: isLocal, options: options)
        var random = PhiloxStream(seed: Self.seed, purpose: .split, stream: isLocal ? 1 : 2)
        try #require(eventually(seconds: 60) { world.steps("run") > 2 }, "\(victim.coordinator.errors)")
        let pause = Self.isLong ? 1_200_000 : 500_000
        while victim.story.count < strikes, victim.coordinator.process.isRunning {
            usleep(UInt32(50_000 + random.next(below: pause)))
            try victim.strike(&random)
            try victim.tend()
        }
        victim.resumeStopped()
        let deadline = Date().addingTimeInterval(Self.isLong ? 400 : 120)
        while victim.coordinator.process.isRunning, Date() < deadline {
            usleep(100_000)
            try victim.tend()
        }
        let story = victim.story.joined(separator: ", ")
        #expect(victim.coordinator.wait(seconds: 1) == 0, "\(victim.coordinator.errors.suffix(2000))\nafter: \(story)")
        victim.finish()
        #expect(try world.weightsHash("run") == world.weightsHash("calm"), "after: \(story)")
        #expect(try world.log("run") == world.log("calm"), "after: \(story)")
        #expect(victim.story.count >= strikes, "the run was over after \(story)")
        print("chaos, \(isLocal ? "local" : "by hand"), seed \(Self.seed): \(steps) steps, \(story)")
    }
}
