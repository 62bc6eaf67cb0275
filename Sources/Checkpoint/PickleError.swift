/// Why a pickle is refused.
struct PickleError: Error {
    /// The byte of the file at which that shows.
    var position: Int
    /// What is wrong.
    var reason: String
}
