import FewShot
import Testing

struct FoldTests {
    @Test func `folds have about as many of each class`() {
        let labels = (0..<40).map { $0 % 4 } + [0, 0, 1]
        let folds = StratifiedFolds.assign(labels, count: 5, seed: 1, repetition: 0)
        for fold in 0..<5 {
            let held = labels.indices.filter { folds[$0] == fold }
            #expect((8...9).contains(held.count))
            for label in 0..<4 { #expect((2...3).contains(held.count { labels[$0] == label })) }
        }
        #expect(folds != StratifiedFolds.assign(labels, count: 5, seed: 1, repetition: 1))
        #expect(folds == StratifiedFolds.assign(labels, count: 5, seed: 1, repetition: 0))
    }

    @Test func `there are no more folds than the smallest class has examples`() {
        #expect(StratifiedFolds.largestCount([0, 0, 0, 1, 1]) == 2)
        #expect(StratifiedFolds.largestCount([0, 0, 1]) == nil)
        #expect(StratifiedFolds.largestCount((0..<30).map { $0 % 2 }) == 5)
    }

    @Test func `each example is scored by a classifier that has not seen it`() {
        let labels = [0, 1, 0, 1, 0, 1]
        let folds = StratifiedFolds.assign(labels, count: 3, seed: 4, repetition: 0)
        let scores = CrossValidation.scores(labels, folds: folds, classes: 2) { train, held in
            #expect(Set(train).isDisjoint(with: held) && train.count + held.count == 6)
            var result = ScoreMatrix(rows: held.count, classes: 2)
            for (row, example) in held.enumerated() { result[row, 0] = Double(example) }
            return result
        }
        #expect((0..<6).allSatisfy { scores[$0, 0] == Double($0) })
    }
}
