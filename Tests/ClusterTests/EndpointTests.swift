import Testing

@testable import Cluster

@Suite struct EndpointTests {
    @Test(arguments: [
        "tcp://127.0.0.1:5555", "tcp://127.1.2.3:*", "tcp://localhost:1", "tcp://[::1]:9", "ipc:///run/x",
    ])
    func addressesOfThisMachineMayBeListenedOn(_ endpoint: String) throws {
        try Endpoint.check(endpoint, option: "bind", hasKeys: false, insecure: false)
    }

    @Test(arguments: [
        "tcp://0.0.0.0:5555", "tcp://*:5555", "tcp://10.0.0.1:1", "tcp://example.org:1", "tcp://127.0.0.1.evil:1",
        "tcp://[::]:9", "tcp://eth0:9", "tcp://127.0.0.999:1",
    ])
    func othersOnlyIfToldSo(_ endpoint: String) throws {
        #expect(throws: ConfigurationError.self) {
            try Endpoint.check(endpoint, option: "bind", hasKeys: false, insecure: false)
        }
        try Endpoint.check(endpoint, option: "bind", hasKeys: false, insecure: true)
    }

    @Test(arguments: ["", "tcp://", "5555", "http://x:1", "tcp://host", "ipc://", "inproc://x"])
    func whatIsNoEndpointIsRefused(_ endpoint: String) {
        #expect(throws: ConfigurationError.self) {
            try Endpoint.check(endpoint, option: "bind", hasKeys: false, insecure: true)
        }
    }

    @Test func aWorkerListensWhereItsCoordinatorDoes() throws {
        #expect(try Endpoint.data(WorkerOptions(coordinator: "tcp://127.0.0.1:5")) == "tcp://127.0.0.1:*")
        #expect(
            try Endpoint.data(WorkerOptions(coordinator: "ipc:///run/x/control")).hasPrefix("ipc:///run/x/control-"))
        #expect(throws: ConfigurationError.self) { try Endpoint.data(WorkerOptions(coordinator: "tcp://10.0.0.1:5")) }
        #expect(throws: ConfigurationError.self) {
            try Endpoint.data(WorkerOptions(coordinator: "tcp://10.0.0.1:5", dataAddress: "tcp://10.0.0.2:*"))
        }
        let open = WorkerOptions(coordinator: "tcp://10.0.0.1:5", dataAddress: "tcp://10.0.0.2:*", insecure: true)
        #expect(try Endpoint.data(open) == "tcp://10.0.0.2:*")
    }
}
