import Support

extension DatasetReview {
    /// From this ratio of the largest to the smallest class on, accuracy says little of the small ones.
    static let imbalance = 10

    /// Classes that are probably mistakes.
    mutating func addClasses(_ data: Dataset, isDrawn: Bool) {
        let counts = data.classCounts
        func shown(_ classes: [Int]) -> String {
            ClassNames.counted(classes.map { (name: data.labels[$0], count: counts[$0]) })
        }
        let groups = ClassNames.lookalikes(data.labels)
        if !groups.isEmpty {
            let few = groups.prefix(4).map { "\(shown($0))" }.joined(separator: "; ")
            warnings.append(
                "\(data.path): classes that differ only in case, blanks or how a number is written: \(few)"
                    + "\(groups.count > 4 ? " and \(groups.count - 4) more" : ""); make them equal if they are the same"
            )
        }
        let missing = data.labels.indices.filter { ClassNames.saysMissing(data.labels[$0]) }
        if !missing.isEmpty {
            warnings.append(
                "\(data.path): a class that is called as a missing label: \(shown(missing)); remove these examples if they "
                    + "have no label")
        }
        addNames(data, shown: shown)
        guard !isDrawn else { return }
        let rare = data.rareClasses(below: 2)
        let isMostlyRare = data.labels.count > 20 && 2 * rare.count > data.labels.count
        if isMostlyRare || data.labels.count > 20 && 3 * data.labels.count > data.examples.count {
            warnings.append(
                "\(data.path): \(grouped(data.labels.count)) classes for \(plural(data.examples.count, "example")); is "
                    + "\(data.columns?.label.map { quoted($0) } ?? "that") the column of the label (--label-column)?")
        } else if !rare.isEmpty {
            warnings.append(
                "\(data.path): \(rare.count == 1 ? "one class has" : "\(rare.count) classes have") only one example: "
                    + "\(ClassNames.counted(rare)); add some, or leave \(rare.count == 1 ? "it" : "them") out with "
                    + "--drop-rare-classes")
        }
    }

    /// Lines for names of classes that say that the labels were not read, or meant, as classes.
    private mutating func addNames(_ data: Dataset, shown: ([Int]) -> String) {
        let edged = data.labels.indices.filter { ClassNames.hasBlankEdge(data.labels[$0]) }
        if !edged.isEmpty {
            warnings.append(
                "\(data.path): names of classes that begin or end with a blank: \(shown(edged)); the blanks, and "
                    + "quotes behind them, are part of the names: remove them")
        }
        let fractions = data.labels.indices.filter { ClassNames.isFraction(data.labels[$0]) }
        if fractions.count >= 2 {
            warnings.append(
                "\(data.path): labels that are numbers with decimals: \(shown(fractions)); each becomes a class of its "
                    + "own, numbers are not predicted")
        }
        let lists = data.labels.indices.filter { ClassNames.isList(data.labels[$0], among: data.labels) }
        if !lists.isEmpty {
            warnings.append(
                "\(data.path): labels that look like several: \(shown(lists)); each combination becomes a class of its "
                    + "own, a text has one class")
        }
    }

    /// A line where some class is many times larger than another.
    mutating func addImbalance(_ data: Dataset) {
        let counts = data.classCounts.enumerated().filter { $0.element > 0 }
        guard let largest = counts.max(by: { $0.element < $1.element }),
            let smallest = counts.min(by: { $0.element < $1.element }),
            largest.element >= Self.imbalance * smallest.element, largest.element >= 20
        else { return }
        notices.append(
            "the classes are uneven: \(ClassNames.shown(data.labels[largest.offset])) has "
                + "\(plural(largest.element, "example")), \(ClassNames.shown(data.labels[smallest.offset])) "
                + "\(grouped(smallest.element)); macro F1 says more than accuracy")
    }
}
