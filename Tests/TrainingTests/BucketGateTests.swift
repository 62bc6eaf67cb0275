import Synchronization
import Testing

@testable import Training

@Suite struct BucketGateTests {
    @Test func `buckets are announced in order, each once all threads have finished it`() {
        let announced = Mutex<[Int]>([])
        let gate = BucketGate(buckets: 3, threads: 2) { bucket, _ in announced.withLock { $0.append(bucket) } }
        func now() -> [Int] { announced.withLock { $0 } }
        gate.finished(0, [])
        gate.finished(1, [])
        gate.finished(2, [])
        #expect(now() == [])
        // The second thread is ahead with bucket 1: bucket 0 comes first all the same.
        gate.finished(1, [])
        #expect(now() == [])
        gate.finished(0, [])
        #expect(now() == [0, 1])
        gate.finished(2, [])
        #expect(now() == [0, 1, 2])
    }
}
