import Foundation
import TestSupport
import Testing

@testable import Checkpoint

@Suite struct SafetensorsFileTests {
    @Test func `what is written is read back`() throws {
        let scratch = try Scratch()
        let floats: [Float] = [1, -2.5, .pi, 0, .infinity, 0x1p-140]
        let ids: [Int64] = [7, -1]
        let path = scratch.file("a.safetensors")
        try floats.withUnsafeBytes { floats in
            try ids.withUnsafeBytes { ids in
                try SafetensorsWriter.write(
                    [
                        TensorToWrite(name: "b", shape: [2, 3], data: floats, dtype: .f32),
                        TensorToWrite(name: "ids", shape: [2], data: ids, dtype: .i64),
                        TensorToWrite(name: "empty", shape: [0, 4], data: .init(start: nil, count: 0), dtype: .f32),
                        TensorToWrite(
                            name: "é\"\u{1}", shape: [], data: .init(rebasing: floats[0..<4]), dtype: .f32),
                    ], metadata: ["format": "pt", "a": "\\ \u{1F41F}"], to: path)
            }
        }
        let file = try SafetensorsFile(path: path)
        #expect(file.metadata == ["format": "pt", "a": "\\ \u{1F41F}"])
        #expect(file.tensors.count == 4)
        #expect(file.tensors["b"]?.shape == [2, 3])
        #expect(file.tensors["b"]?.dtype == .f32)
        #expect(file.tensors["empty"]?.byteRange.count == 0)
        #expect(try read(file, "b", 6) == floats)
        #expect(try read(file, "é\"\u{1}", 1) == [1])
        #expect(try read(file, "empty", 0) == [])
        let back = try file.withBytes(of: "ids") { bytes in
            (0..<2).map { bytes.loadUnaligned(fromByteOffset: 8 * $0, as: Int64.self) }
        }
        #expect(back == ids)
        #expect(try scratch.names() == ["a.safetensors"])
        // The data starts at a multiple of 8 bytes; wide types come first, as in the safetensors library.
        #expect(file.tensors.values.allSatisfy { $0.byteRange.lowerBound % 4 == 0 })
        let first = try #require(file.tensors["ids"])
        #expect(first.byteRange.lowerBound % 8 == 0)
        #expect(first.byteRange.lowerBound < file.tensors["b"]!.byteRange.lowerBound)
    }

    @Test func `a header is byte for byte that of the safetensors library`() throws {
        // From safetensors 0.8.0: save({"w": f32[2], "n": i64[1], "a": f32[1]}, metadata={"format": "pt"}).
        let expected =
            #"{"__metadata__":{"format":"pt"},"n":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},"#
            + #""a":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},"#
            + #""w":{"dtype":"F32","shape":[2],"data_offsets":[12,20]}}"#
        try [UInt8](repeating: 0, count: 8).withUnsafeBytes { bytes in
            let tensors = [
                TensorToWrite(name: "n", shape: [1], data: bytes, dtype: .i64),
                TensorToWrite(name: "a", shape: [1], data: .init(rebasing: bytes[0..<4]), dtype: .f32),
                TensorToWrite(name: "w", shape: [2], data: bytes, dtype: .f32),
            ]
            let header = String(
                decoding: try SafetensorsWriter.header(tensors, metadata: ["format": "pt"], path: "x"), as: UTF8.self)
            #expect(header.utf8.count % 8 == 0)
            #expect(header.hasPrefix(expected))
            #expect(header.dropFirst(expected.count).allSatisfy { $0 == " " })
        }
    }

    @Test func `other float types become floats`() throws {
        let scratch = try Scratch()
        // An odd header length: the data is at no boundary at all.
        let header =
            #"{"h":{"dtype":"F16","shape":[8],"data_offsets":[0,16]},"#
            + #""b":{"dtype":"BF16","shape":[3],"data_offsets":[16,22]},"#
            + #""d":{"dtype":"F64","shape":[2],"data_offsets":[22,38]}}"#
        var bytes = safetensors(header + (header.utf8.count % 2 == 0 ? " " : ""), data: 0)
        let halves: [UInt16] = [0x3C00, 0xC000, 0x7BFF, 0x0001, 0x8000, 0x7C00, 0x0400, 0x3555]
        for bits in halves + [0x3F80, 0xC049, 0x7F80] { bytes += [UInt8(bits & 255), UInt8(bits >> 8)] }
        for value in [0.1, 1e300] {
            bytes += (0..<8).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) }
        }
        let file = try SafetensorsFile(path: scratch.write(bytes))
        let h = try read(file, "h", 8)
        #expect(h == [1, -2, 65504, 0x1p-24, -0.0, .infinity, 0x1p-14, 0.333251953125])
        #expect(h[4].sign == .minus)
        #expect(try read(file, "b", 3) == [1, -3.140625, .infinity])
        #expect(try read(file, "d", 2) == [0.1, .infinity])
        #expect(FloatConversion.half(0x7E01).isNaN)
    }

    @Test func `every half-precision float is exact`() {
        // The definition of IEEE 754 binary16, in double precision.
        for bits in UInt16.min...UInt16.max where bits >> 10 & 31 != 31 {
            let exponent = Int(bits >> 10 & 31)
            let fraction = Double(bits & 0x3FF) / 1024
            let magnitude = exponent == 0 ? fraction * 0x1p-14 : (1 + fraction) * pow(2, Double(exponent - 15))
            let expected = Float(bits & 0x8000 == 0 ? magnitude : -magnitude)
            if FloatConversion.half(bits).bitPattern != expected.bitPattern {
                Issue.record("\(bits): \(FloatConversion.half(bits)) is not \(expected)")
                return
            }
        }
    }

    @Test func `reading the wrong tensor names file and tensor`() throws {
        let scratch = try Scratch()
        let path = try scratch.write(safetensors(#"{"i":{"dtype":"I32","shape":[2],"data_offsets":[0,8]}}"#, data: 8))
        let file = try SafetensorsFile(path: path)
        let type = failure { _ = try read(file, "i", 2) }
        #expect(type == "\(path): tensor \"i\" has type I32, not a float type")
        let size = failure { _ = try read(file, "i", 3) }
        #expect(size == "\(path): tensor \"i\" has 2 elements, expected 3")
        let lost = failure { try file.withBytes(of: "j") { _ in } }
        #expect(lost == "\(path): there is no tensor \"j\"")
    }

    @Test func `weights hash depends on the tensors alone and on the order of code points`() throws {
        let scratch = try Scratch()
        // The bytes 0...3 belong to "b", 4...7 to "B"; the second file has them the other way round.
        let one =
            #"{"b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"B":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}"#
        let path = try scratch.write(safetensors(one, data: 8), "1")
        let two =
            #"{"B":{"dtype":"U8","shape":[4],"data_offsets":[0,4]} ,"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}"#
        var bytes = safetensors(two, data: 8)
        bytes.replaceSubrange((bytes.count - 8)..., with: [4, 5, 6, 7, 0, 1, 2, 3])
        let other = try scratch.write(bytes, "2")
        // sha256 of 04 05 06 07 00 01 02 03: "B" sorts before "b".
        let expected = "a78080b22b9c69be4283ea8064a66b4edba35840da86aad1d611eae5dd16a68c"
        #expect(try weightsSHA256(safetensors: path) == expected)
        #expect(try weightsSHA256(safetensors: other) == expected)
    }

    @Test func `shards are read as one`() throws {
        let scratch = try Scratch()
        try scratch.write(
            safetensors(#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, data: 4), "1.safetensors")
        try scratch.write(
            safetensors(#"{"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, data: 8), "2.safetensors")
        let index = try scratch.write(
            #"{"metadata":{"total_size":12},"weight_map":{"a":"1.safetensors","b":"2.safetensors"}}"#, "i.json")
        let file = try WeightsFormat.safetensorsShards.open(index)
        #expect(file.elementCount == 3)
        #expect(Set(file.names) == ["a", "b"])
        #expect(file.shape(of: "b") == [2])
        var floats: [Float] = [9, 9]
        try floats.withUnsafeMutableBufferPointer { try file.readFloats("b", into: $0) }
        #expect(floats == [Float(bitPattern: 0x0302_0100), Float(bitPattern: 0x0706_0504)])
        let lost = failure { try file.readFloats("c", into: .init(start: nil, count: 0)) }
        #expect(lost == "\(index): there is no tensor \"c\"")
    }

    @Test(arguments: [
        (#"{"weight_map":{"a":"../1.safetensors"}}"#, "no plain file name"),
        (#"{"weight_map":{"a":"/etc/passwd"}}"#, "no plain file name"),
        (#"{"weight_map":{"a":3}}"#, "no plain file name"),
        (#"{"weight_map":{}}"#, "no weight_map"), ("[]", "no weight_map"), ("{", "not valid JSON"),
        (#"{"weight_map":{"b":"1.safetensors"}}"#, "tensor \"a\" is not listed"),
        (#"{"weight_map":{"a":"1.safetensors","b":"1.safetensors"}}"#, "lists tensor \"b\""),
        (#"{"weight_map":{"a":"3.safetensors"}}"#, "3.safetensors: cannot open it: No such file"),
    ])
    func `an index that lies is refused`(json: String, reason: String) throws {
        let scratch = try Scratch()
        try scratch.write(
            safetensors(#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, data: 4), "1.safetensors")
        let index = try scratch.write(json, "i.json")
        let message = failure { _ = try WeightsFormat.safetensorsShards.open(index) }
        #expect(message.contains(reason), "\(message)")
        #expect(message.hasPrefix(scratch.path))
    }

    func read(_ file: SafetensorsFile, _ name: String, _ count: Int) throws -> [Float] {
        var floats = [Float](repeating: -1, count: count)
        try floats.withUnsafeMutableBufferPointer { try file.readFloats(name, into: $0) }
        return floats
    }

    @Test func `weights that are something else are named as that`() throws {
        let scratch = try Scratch()
        let cases: [([UInt8], String)] = [
            (Array("version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n".utf8), "`git lfs pull`"),
            (Array("<!doctype html>\n<html>".utf8), "is a web page"),
            ([0x50, 0x4B, 3, 4] + Array("archive".utf8), "zip"),
            ([0x1F, 0x8B, 8] + Array("packed bytes".utf8), "gunzip"), (Array("Entry not found".utf8), "error message"),
        ]
        for (bytes, expected) in cases {
            let path = try scratch.write(bytes)
            let message = failure { _ = try SafetensorsFile(path: path) }
            #expect(message.hasPrefix("\(path): is ") && message.contains(expected), "\(message)")
        }
        // Any length of a header that makes sense is one.
        let header = "{" + String(repeating: " ", count: 0x08_8B1F - 2) + "}"
        #expect(try SafetensorsFile(path: scratch.write(safetensors(header, data: 0))).tensors.isEmpty)
    }
}
