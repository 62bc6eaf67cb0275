import Support
import Testing

struct HexTests {
    @Test func `bytes become two lowercase digits each, and digits become bytes again`() {
        #expect(Hex.encode([0x00, 0x0f, 0xa0, 0xff] as [UInt8]) == "000fa0ff")
        #expect(Hex.decode("000fA0ff") == [0x00, 0x0f, 0xa0, 0xff])
        #expect(Hex.decode("") == [] && Hex.encode([UInt8]()) == "")
        let all = Array(UInt8.min...UInt8.max)
        #expect(Hex.decode(Hex.encode(all)) == all)
    }

    @Test(arguments: ["0", "0g", "+1", "-1", " 1", "0x", "é", "00 11"])
    func `what is no pair of digits is refused`(_ text: String) { #expect(Hex.decode(text) == nil) }
}
