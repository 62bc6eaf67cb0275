/// A value of a pickle. What contains other values stands in the unpickler's list of objects, under its number: so a
/// pickle that contains itself, or is nested a million deep, is no danger.
enum PickleValue {
    case none
    case bool(Bool)
    case integer(Int)
    case real(Double)
    case text(String)
    case global(PickleGlobal)
    case storage(PickledStorage)
    case tensor(PickledTensor)
    /// A tuple, list or dictionary, by number.
    case object(Int)

    /// What it is, for messages.
    var kind: String {
        switch self {
        case .none: "None"
        case .bool: "a truth value"
        case .integer: "an integer"
        case .real: "a float"
        case .text: "a string"
        case .global: "a class or function"
        case .storage: "a storage"
        case .tensor: "a tensor"
        case .object: "a tuple, list or dictionary"
        }
    }
}

/// A storage that a pickle names: the memory of one or more tensors.
struct PickledStorage: Equatable {
    /// Its name in the archive.
    var key: String
    /// The type of its elements.
    var type: TensorType
    /// Their number.
    var count: Int
}

/// A view into a storage that a pickle describes.
struct PickledTensor {
    var storage: PickledStorage
    /// The first element.
    var offset: Int
    var shape: [Int]
    /// Elements from one index to the next, by dimension.
    var strides: [Int]

    /// The number of elements; nil where that, or the last of them, is out of bounds. A tensor with more elements than
    /// its storage (one that was made by `expand`) is out of bounds too.
    var count: Int? {
        guard offset >= 0, shape.count == strides.count, shape.allSatisfy({ $0 >= 0 }), strides.allSatisfy({ $0 >= 0 })
        else { return nil }
        var count = 1
        var last = offset
        for (length, stride) in zip(shape, strides) {
            let product = count.multipliedReportingOverflow(by: length)
            let reach = max(length - 1, 0).multipliedReportingOverflow(by: stride)
            let sum = last.addingReportingOverflow(reach.partialValue)
            guard !product.overflow, !reach.overflow, !sum.overflow else { return nil }
            (count, last) = (product.partialValue, sum.partialValue)
        }
        if count == 0 { return 0 }
        return count <= storage.count && last < storage.count ? count : nil
    }
}
