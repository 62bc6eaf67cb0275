import Foundation
import Support
import Testing

struct UserPathTests {
    @Test(arguments: [
        ("~", "/home/me"), ("~/x.csv", "/home/me/x.csv"), ("~/a b/~c", "/home/me/a b/~c"), ("x/~/y", "x/~/y"),
        ("./~me", "./~me"), ("/a", "/a"), ("", ""), ("a~", "a~"), ("~root/x", "/" + "root/x"), ("~root", "/" + "root"),
    ])
    func `a leading tilde is a home folder`(path: String, expanded: String) throws {
        #expect(try UserPath.expand(path, home: "/home/me") == expanded)
        #expect(try UserPath.expand(path, home: "/home/me/") == expanded)
    }

    @Test func `the root folder as a home adds no second slash`() throws {
        #expect(try UserPath.expand("~/x", home: "/") == "/x")
        #expect(try UserPath.expand("~", home: "/") == "/")
    }

    @Test func `a user that there is not is refused by name`() {
        do {
            _ = try UserPath.expand("~no-such-user/x.csv")
            Issue.record("accepted")
        } catch {
            #expect(error.description.contains("~no-such-user/x.csv: there is no user no-such-user"))
        }
    }
}

struct CommandNameTests {
    @Test func `a suggested command is quoted where a shell needs it`() {
        #expect(CommandName.line("resume", "runs/a") == "\(CommandName.current) resume runs/a")
        #expect(CommandName.line("resume", "my run") == "\(CommandName.current) resume 'my run'")
    }

    @Test func `one is not many`() {
        #expect(plural(1, "worker") == "1 worker")
        #expect(plural(0, "worker") == "0 workers")
        #expect(plural(2, "class", "classes") == "2 classes")
    }
}
