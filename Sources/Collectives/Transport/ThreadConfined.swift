/// Something on its way to the thread that will use it, alone: hence `@unchecked Sendable`.
final class ThreadConfined<Value>: @unchecked Sendable {
    /// To be used by that thread only, once it runs.
    let value: Value

    /// Hands `value` over: its maker does not use it any more.
    init(_ value: Value) { self.value = value }
}
