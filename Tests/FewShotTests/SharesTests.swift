import FewShot
import Foundation
import Numerics
import Testing

struct SharesTests {
    /// Calibrated logits of texts of two classes whose scores are normal with means ±1: under equal shares the logit is
    /// twice the score.
    private func logits(_ share: Double, count: Int) -> ScoreMatrix {
        var random = PhiloxStream(seed: 3, purpose: .shuffle)
        var result = ScoreMatrix(rows: count, classes: 2)
        for row in 0..<count {
            let isSecond = Double(row) < share * Double(count)
            let normal = (-2 * log(1 - random.nextUnit())).squareRoot() * cos(2 * .pi * random.nextUnit())
            result[row, 1] = 2 * (normal + (isSecond ? 1 : -1))
        }
        return result
    }

    @Test(arguments: [0.1, 0.5, 0.85])
    func `shares of classes are found from calibrated probabilities`(share: Double) {
        let found = ClassShares.estimate(logits(share, count: 4000).softmax(), fitted: [0.5, 0.5])
        #expect(abs(found[1] - share) < 0.04, "\(found)")
        #expect(abs(found[0] + found[1] - 1) < 1e-12)
    }

    @Test func `no class dies out`() {
        var sure = ScoreMatrix(rows: 10, classes: 2)
        for row in 0..<10 { sure[row, 0] = 1 }
        #expect(ClassShares.estimate(sure, fitted: [0.5, 0.5])[1] > 0.05)
        #expect(ClassShares.estimate(ScoreMatrix(rows: 0, classes: 2), fitted: [0.3, 0.7]) == [0.3, 0.7])
    }

    @Test func `balanced probabilities have the shares and keep the order`() {
        let logs = logits(0.5, count: 200).logSoftmax()
        let balanced = SinkhornBalancing.balance(logs, shares: [0.8, 0.2])
        var sum = 0.0
        for row in 0..<200 {
            sum += balanced[row, 1]
            #expect(abs(balanced[row, 0] + balanced[row, 1] - 1) < 1e-9)
        }
        #expect(abs(sum / 200 - 0.2) < 1e-4)
        let order = (0..<200).sorted { logs[$0, 1] - logs[$0, 0] < logs[$1, 1] - logs[$1, 0] }
        #expect(zip(order, order.dropFirst()).allSatisfy { balanced[$0, 1] <= balanced[$1, 1] + 1e-9 })
    }

    @Test(arguments: [0.25, 1, 4])
    func `the temperature is found that logits were multiplied by`(temperature: Double) {
        var random = PhiloxStream(seed: 9, purpose: .shuffle)
        let logits = logits(0.5, count: 4000)
        let probabilities = logits.softmax()
        // Labels drawn by the probabilities: these are calibrated.
        let labels = (0..<probabilities.rows).map { random.nextUnit() < probabilities[$0, 1] ? 1 : 0 }
        let found = TemperatureScaling.fit(logits.scaled(by: temperature), labels: labels)
        #expect(abs(found / temperature - 1) < 0.1, "\(found)")
        #expect(TemperatureScaling.expectedCalibrationError(probabilities, labels: labels) < 0.03)
    }

    @Test(arguments: [2, 4, 30]) func `few texts that are all recognised do not make it sure of everything`(count: Int)
    {
        var logits = ScoreMatrix(rows: count, classes: 3)
        for row in 0..<count { (logits[row, 0], logits[row, 1], logits[row, 2]) = (2, 1, -3) }
        let labels = [Int](repeating: 0, count: count)
        let found = TemperatureScaling.fit(logits, labels: labels)
        let sure = logits.scaled(by: 1 / found).softmax()[0, 0]
        // The share of the target that is the class's own; the third class takes next to nothing.
        #expect(abs(sure - Double(count + 1) / Double(count + 2)) < 0.01, "\(sure)")
        // The same rows twice are no more texts.
        var twice = ScoreMatrix(rows: 2 * count, classes: 3)
        twice.values = logits.values + logits.values
        let again = TemperatureScaling.fit(twice, labels: labels + labels, texts: count)
        #expect(abs(again / found - 1) < 1e-3)
    }

    @Test func `the calibration error is the gap between confidence and accuracy`() {
        var sure = ScoreMatrix(rows: 4, classes: 2)
        for row in 0..<4 { (sure[row, 0], sure[row, 1]) = (0.9, 0.1) }
        let error = TemperatureScaling.expectedCalibrationError(sure, labels: [0, 0, 1, 1])
        #expect(abs(error - 0.4) < 1e-12)
    }
}
