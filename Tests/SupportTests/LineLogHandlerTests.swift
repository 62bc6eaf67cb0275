import Logging
import Support
import Synchronization
import Testing

@Suite struct LineLogHandlerTests {
    private final class Lines: Sendable {
        private let lines = Mutex<[String]>([])
        func add(_ line: String) { lines.withLock { $0.append(line) } }
        var all: [String] { lines.withLock { $0 } }
    }

    @Test func `a level shows only where it warns`() {
        let lines = Lines()
        let logger = Logger(lines: { lines.add($0) })
        logger.debug("left out")
        logger.info("one")
        logger.notice("two")
        logger.warning("three")
        logger.error("four")
        #expect(lines.all == ["one", "two", "warning: three", "error: four"])
    }

    @Test func `metadata and the level belong to a copy of the logger`() {
        let lines = Lines()
        let logger = Logger(lines: { lines.add($0) })
        var copy = logger
        copy[metadataKey: "rank"] = "1"
        copy.logLevel = .error
        copy.warning("left out")
        logger.warning("shown")
        #expect(lines.all == ["warning: shown"])
        #expect(logger[metadataKey: "rank"] == nil && copy[metadataKey: "rank"] == "1")
        Logger.silent.critical("dropped")
    }
}
