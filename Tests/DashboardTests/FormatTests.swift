import Support
import Testing

@testable import Dashboard

struct FormatTests {
    @Test(arguments: [
        (0, "0"), (7, "7"), (999, "999"), (1000, "1,000"), (12_045, "12,045"), (1_000_000, "1,000,000"),
        (-1_234, "-1,234"), (Int.min, "-9,223,372,036,854,775,808"),
    ])
    func `counts have a comma every three digits`(value: Int, text: String) {
        #expect(Format.count(value) == text)
    }

    @Test(arguments: [
        (0, "0"), (950, "950"), (999, "999"), (1_000, "1.00k"), (22_713_216, "22.7M"), (999_949, "1.00M"),
        (109_486_854, "109M"), (-1_500_000, "-1.50M"),
    ])
    func `large numbers keep three digits`(value: Int, text: String) {
        #expect(Format.compact(value) == text)
    }

    @Test(arguments: [(12, "12 B"), (87_600_000, "87.6 MB"), (1_500, "1.50 kB"), (2_000_000_000, "2.00 GB")])
    func `bytes have a unit`(value: Int, text: String) {
        #expect(Format.bytes(value) == text)
    }

    @Test(
        arguments: [
            (0, "0.00 s"), (0.423, "0.42 s"), (0.999, "1.0 s"), (8.34, "8.3 s"), (9.96, "10 s"), (42.4, "42 s"),
            (59.6, "1 min 00 s"), (185, "3 min 05 s"), (3599.7, "1 h 00 min"), (7620, "2 h 07 min"),
            (86_399, "1 d 00 h"), (100 * 3600, "4 d 04 h"), (-1, "-"), (.nan, "-"), (.infinity, "-"),
        ] as [(Double, String)])
    func `durations have their two largest units`(seconds: Double, text: String) {
        #expect(Format.duration(seconds) == text)
    }

    @Test(
        arguments: [
            (5213.7, "5,214"), (9.96, "10"), (3.21, "3.2"), (0, "0.0"), (.nan, "-"), (.infinity, "-"),
        ] as [(Double, String)])
    func `rates are whole from ten on`(value: Double, text: String) {
        #expect(Format.rate(value) == text)
    }

    @Test(
        arguments: [
            (0.43214, "0.4321"), (0, "0.0000"), (0.00012, "1.2e-04"), (3e7, "3.0e+07"), (.nan, "nan"),
        ] as [(Double, String)])
    func `tiny losses stay readable`(value: Double, text: String) {
        #expect(Format.loss(value) == text)
    }

    @Test func `learning rates are scientific`() {
        #expect(Format.scientific(9.13e-5) == "9.1e-05")
        #expect(Format.scientific(0) == "0")
    }

    @Test func `one is not many`() {
        #expect(Format.plural(1, "worker") == "1 worker")
        #expect(Format.plural(2189, "class", "classes") == "2,189 classes")
    }
}
