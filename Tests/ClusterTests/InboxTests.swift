import Foundation
import Synchronization
import Testing

@testable import Cluster

@Suite struct InboxTests {
    @Test func `items come once, in the order of each thread that posts`() throws {
        let inbox = try Inbox<[Int]>()
        let threads = 4
        let items = 500
        DispatchQueue.global().async {
            DispatchQueue.concurrentPerform(iterations: threads) { thread in
                for i in 0..<items { inbox.post([thread, i]) }
            }
        }
        var next = [Int](repeating: 0, count: threads)
        // An item that is lost would make it wait forever, one that comes twice breaks the order.
        while next.reduce(0, +) < threads * items {
            for item in inbox.take() {
                #expect(item[1] == next[item[0]])
                next[item[0]] += 1
            }
        }
        #expect(inbox.take().isEmpty)
    }

    @Test func `an item that is posted wakes the thread up until it is taken`() throws {
        let inbox = try Inbox<Int>()
        func isReadable() -> Bool {
            var descriptor = pollfd(fd: inbox.eventFD.fileDescriptor, events: Int16(POLLIN), revents: 0)
            return poll(&descriptor, 1, 0) == 1
        }
        #expect(!isReadable())
        inbox.post(1)
        inbox.post(2)
        #expect(isReadable())
        #expect(inbox.take() == [1, 2])
        #expect(!isReadable())
        inbox.post(3)
        #expect(isReadable())
    }
}
