import Cluster
import Foundation
import Support
import Synchronization

/// Shows the events of a run on a file descriptor: a live line on a terminal, plain lines elsewhere.
///
/// It may be called from any thread. That nothing can be written any more (a closed pipe) is not an error: the run
/// matters more than its display.
public final class RunDisplay: Sendable {
    private struct State {
        var renderer: ProgressRenderer
        var liveIsShown = false
    }

    private let descriptor: Int32
    private let traits: TerminalTraits
    private let start = ContinuousClock.now
    private let state: Mutex<State>

    /// A display on `descriptor`, by default standard error.
    ///
    /// - Parameters:
    ///   - descriptor: Where lines are written.
    ///   - command: What the program is called in commands that are suggested.
    ///   - showsWorkers: Whether there is a line for each worker that joins: for workers that are started by hand or by
    ///     a launcher.
    ///   - showsStartCommand: Whether it shows the command that starts them: where that is left to people.
    public convenience init(
        descriptor: Int32 = STDERR_FILENO, command: String = CommandName.current, showsWorkers: Bool = false,
        showsStartCommand: Bool = true
    ) {
        self.init(
            descriptor: descriptor, traits: TerminalTraits(descriptor: descriptor), command: command,
            showsWorkers: showsWorkers, showsStartCommand: showsStartCommand)
    }

    init(
        descriptor: Int32, traits: TerminalTraits, command: String = CommandName.current, showsWorkers: Bool = false,
        showsStartCommand: Bool = true
    ) {
        self.descriptor = descriptor
        self.traits = traits
        let renderer = ProgressRenderer(
            traits: traits, command: command, showsWorkers: showsWorkers, showsStartCommand: showsStartCommand)
        state = Mutex(State(renderer: renderer))
    }

    /// Shows one event.
    public func show(_ event: RunEvent) {
        let time = (ContinuousClock.now - start) / .seconds(1)
        let width = traits.isInteractive ? TerminalTraits.width(of: descriptor) : 80
        state.withLock { state in
            let outputs = state.renderer.render(event, at: time, width: width)
            write(outputs, &state)
        }
    }

    /// Shows a line that stays.
    public func line(_ text: String) {
        state.withLock { write([.line(text)], &$0) }
    }

    /// Clears the live line: to be called at the end, however the run ended.
    public func close() {
        state.withLock { write([], &$0, clear: true) }
    }

    private func write(_ outputs: [ProgressRenderer.Output], _ state: inout State, clear: Bool = false) {
        var text = ""
        func clearLive() {
            // Back to the first column, and erase the line (ECMA-48).
            if state.liveIsShown { text += "\r\u{1B}[2K" }
            state.liveIsShown = false
        }
        for output in outputs {
            clearLive()
            switch output {
            case .line(let line): text += line.shown + "\n"
            case .live(let line):
                text += line.shown
                state.liveIsShown = true
            }
        }
        if clear { clearLive() }
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let written = bytes.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if written < 0 && errno == EINTR { continue }
            guard written > 0 else { return }
            bytes = bytes.dropFirst(written)
        }
    }
}
