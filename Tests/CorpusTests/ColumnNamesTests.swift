import Testing

@testable import Corpus

@Suite("Columns by their usual names")
struct ColumnNamesTests {
    private func resolve(_ header: String, _ names: ColumnNames = .init(), needsLabel: Bool = true) throws -> [String?]
    {
        let columns = try names.resolve(
            header.split(separator: ",").map { String($0) }, needsLabel: needsLabel, path: "f")
        return [columns.text, columns.textPair, columns.label]
    }

    @Test(arguments: [
        ("question,sentence,label", "question", "sentence"), ("premise,hypothesis,label", "premise", "hypothesis"),
        ("sentence1,sentence2,label", "sentence1", "sentence2"), ("idx,text_a,text_b,label", "text_a", "text_b"),
        ("question1,question2,label", "question1", "question2"), ("query,passage,label", "query", "passage"),
        ("label,Sentence_1,Sentence_2", "Sentence_1", "Sentence_2"),
        ("question,passage,answer,label", "question", "passage"),
        ("s1,s2,label", "s1", "s2"), ("text,text_pair,label", "text", "text_pair"),
        ("claim,evidence,label", "claim", "evidence"),
        ("sentence,hypothesis,label", "sentence", "hypothesis"), ("text1,text2,label", "text1", "text2"),
        ("question_id,question,document_title,answer,label", "question", "answer"),
        ("label,query,text", "query", "text"),
        ("text_pair,text,label", "text", "text_pair"),
    ]) func `usual pairs are pairs`(header: String, text: String, pair: String) throws {
        #expect(Array(try resolve(header).prefix(2)) == [text, pair])
    }

    @Test(arguments: [
        ("text,label", "text", "label"), ("sentence,label", "sentence", "label"), ("Text,LABEL", "Text", "LABEL"),
        ("text,question,sentence,label", "text", "label"), ("title,content,class", "content", "class"),
        ("title,text,Class Index", "text", "Class Index"), ("text,gold_label", "text", "gold_label"),
        ("question,label", "question", "label"), ("id,title,label", "title", "label"),
    ]) func `single texts are single`(header: String, text: String, label: String) throws {
        #expect(try resolve(header) == [text, nil, label])
    }

    @Test func `what is named is not guessed for something else`() throws {
        #expect(try resolve("question,sentence,label", .init(text: "sentence")) == ["sentence", nil, "label"])
        #expect(
            try resolve("question,sentence,label", .init(textPair: "question")) == ["sentence", "question", "label"])
        #expect(try resolve("question,sentence,x", .init(label: "sentence")) == ["question", nil, "sentence"])
        #expect(try resolve("text,label,text_pair", .init(label: "text_pair")) == ["text", nil, "text_pair"])
        #expect(try resolve("question,sentence", needsLabel: false) == ["question", "sentence", nil])
    }

    @Test(arguments: [
        ColumnNames(text: "a", label: "a"), ColumnNames(text: "a", textPair: "a", label: "b"),
        ColumnNames(text: "a", textPair: "b", label: "b"),
    ]) func `a column for two things is refused`(names: ColumnNames) {
        #expect { try resolve("a,b,c", names) } throws: { "\($0)".contains("named for two things") }
    }

    @Test func `a couple of which a column occurs twice is refused`() {
        #expect { try resolve("question,sentence,sentence,label") } throws: { "\($0)".contains("occurs twice") }
    }

    @Test func `columns of texts that are not used are found`() throws {
        let scratch = Scratch()
        let rows = (0..<5).map { "\($0),a title of words,the text itself \($0),http://x.y/\($0),en,x\n" }.joined()
        let data = try DatasetReader.read(scratch.file("a.csv", "id,title,text,url,lang,label\n" + rows))
        #expect(data.columns?.unusedTexts == ["title"])
        let json = "{\"text\":\"a\",\"label\":\"x\",\"body\":\"some more words here\",\"n\":[1]}\n"
        let lines = try DatasetReader.read(scratch.file("a.jsonl", json + json))
        #expect(lines.columns == DatasetColumns(text: "text", label: "label", unusedTexts: ["body"]))
        let chinese = try DatasetReader.read(scratch.file("b.csv", "text,other,label\na,今天天气很好我们去公园玩,x\n"))
        #expect(chinese.columns?.unusedTexts == ["other"])
    }
}
