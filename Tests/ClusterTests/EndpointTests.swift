import Foundation
import Testing

@testable import Cluster

@Suite struct EndpointTests {
    @Test(arguments: [
        "tcp://127.0.0.1:5555", "tcp://127.1.2.3:*", "tcp://localhost:1", "tcp://[::1]:9", "ipc:///run/x",
    ])
    func `addresses of this machine may be listened on`(_ endpoint: String) throws {
        try Endpoint.check(endpoint, option: "bind", hasKeys: false, insecure: false)
    }

    @Test(arguments: [
        "tcp://0.0.0.0:5555", "tcp://*:5555", "tcp://10.0.0.1:1", "tcp://example.org:1", "tcp://127.0.0.1.evil:1",
        "tcp://[::]:9", "tcp://eth0:9", "tcp://127.0.0.999:1",
    ])
    func `other addresses only where that is allowed`(_ endpoint: String) throws {
        #expect(throws: ConfigurationError.self) {
            try Endpoint.check(endpoint, option: "bind", hasKeys: false, insecure: false)
        }
        try Endpoint.check(endpoint, option: "bind", hasKeys: false, insecure: true)
    }

    @Test(arguments: ["", "tcp://", "5555", "http://x:1", "tcp://host", "ipc://", "inproc://x"])
    func `what is no endpoint is refused`(_ endpoint: String) {
        #expect(throws: ConfigurationError.self) {
            try Endpoint.check(endpoint, option: "bind", hasKeys: false, insecure: true)
        }
    }

    @Test(arguments: [
        "tcp://*:5", "tcp://host:*", "tcp://host:5-9", "tcp://host", "ipc://", "host:5", "http://x:1", "tcp://host:0",
    ])
    func `a worker refuses to connect to what is no address`(_ endpoint: String) {
        #expect(throws: ConfigurationError.self) { try Endpoint.checkCoordinator(endpoint) }
    }

    @Test func `of all addresses the hosts name is shown`() {
        #expect(Endpoint.shown("tcp://10.0.0.1:5") == "tcp://10.0.0.1:5")
        #expect(Endpoint.shown("ipc:///x") == "ipc:///x")
        for host in ["0.0.0.0", "[::]", "*"] {
            #expect(Endpoint.shown("tcp://\(host):5") == "tcp://\(ProcessInfo.processInfo.hostName):5")
        }
    }

    private func address(
        _ coordinator: String = "tcp://127.0.0.1:5", insecure: Bool = false,
        _ change: (inout WorkerOptions) -> Void = { _ in }
    ) throws -> DataAddress {
        var options = WorkerOptions(coordinator: coordinator, insecure: insecure)
        change(&options)
        return try DataAddress(options)
    }

    private func problem(insecure: Bool = false, _ change: (inout WorkerOptions) -> Void) -> String {
        do {
            return "\(try address(insecure: insecure, change))"
        } catch { return "\(error)" }
    }

    @Test func `a worker listens where its coordinator does`() throws {
        #expect(try address().bind == "tcp://127.0.0.1:*")
        #expect(try address { $0.ports = "5600-5699" }.bind == "tcp://127.0.0.1:5600-5699")
        #expect(try address("ipc:///run/x/control").bind.hasPrefix("ipc:///run/x/control-"))
        #expect(try address("tcp://[::1]:5").bind == "tcp://[::1]:*")
        // The address toward the coordinator is one that others reach: not without keys.
        #expect(throws: ConfigurationError.self) { try address("tcp://10.0.0.1:5") }
    }

    @Test func `a coordinator whose host is not known is named, not an option that is not given`() {
        var text = ""
        do { _ = try address("tcp://no-such-host.invalid:5", insecure: true) } catch { text = "\(error)" }
        #expect(
            text.hasPrefix("--coordinator is tcp://no-such-host.invalid:5, but must be at a host that is known here"))
    }

    @Test func `where the coordinator is localhost, all addresses of that are bound`() throws {
        #expect(try address("tcp://localhost:5").bind == "tcp://localhost:*")
    }

    @Test func `an address of this machine is bound, and another one only announced`() throws {
        let own = try address { $0.address = "127.0.0.5" }
        #expect(own.bind == "tcp://127.0.0.5:*")
        #expect(own.advertised("tcp://127.0.0.5:7") == "tcp://127.0.0.5:7")
        #expect(try address { $0.interface = "lo" }.bind == "tcp://127.0.0.1:*")
        let translated = try address(insecure: true) { ($0.address, $0.ports) = ("203.0.113.7", "5600") }
        #expect(translated.bind == "tcp://*:5600")
        #expect(translated.advertised("tcp://[::]:5600") == "tcp://203.0.113.7:5600")
        let six = try address(insecure: true) { $0.address = "2001:db8::7" }
        #expect(six.advertised("tcp://[::]:5600") == "tcp://[2001:db8::7]:5600")
        #expect(throws: ConfigurationError.self) { try address { $0.address = "203.0.113.7" } }
    }

    @Test func `what does not fit is named`() {
        #expect(
            problem { $0.interface = "none7" }.contains(
                "--interface is none7, but must be one that has an address; there are"))
        #expect(problem { $0.address = "no-such-host.invalid" }.contains("--address is no-such-host.invalid"))
        #expect(problem { $0.address = "tcp://127.0.0.1:5" }.contains("without tcp:// and port"))
        #expect(problem { $0.address = "*" }.contains("--address is *"))
        for ports in ["", "0", "70000", "9-5", "x", "0-5"] {
            #expect(problem { $0.ports = ports }.contains("a port or a range of ports, such as 5600-5699"), "\(ports)")
        }
        #expect(problem { ($0.address, $0.interface) = ("127.0.0.1", "lo") }.contains("exclude each other"))
    }
}
