import Foundation
import GuestImages
import TestSupport
import Testing

@Suite struct ImageStoreTests {
    private static func make(_ text: String) -> (String) throws(GuestImageError) -> Void {
        { path throws(GuestImageError) in
            guard FileManager.default.createFile(atPath: path, contents: Data(text.utf8)) else {
                throw GuestImageError("no file")
            }
        }
    }

    @Test func anImageIsMadeOnceAndFoundByItsKey() throws {
        let directory = try TemporaryDirectory()
        let store = try ImageStore(directory: directory.path)
        #expect(store.image(for: "a") == nil)
        let image = try store.image(for: "a", orMake: Self.make("content"))
        // printf content | sha256sum
        #expect(image.id == "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73")
        let again = try ImageStore(directory: directory.path).image(for: "a", orMake: Self.make("other"))
        #expect(again == image)
    }

    @Test func oneContentIsOneImage() throws {
        let directory = try TemporaryDirectory()
        let store = try ImageStore(directory: directory.path)
        let first = try store.image(for: "a", orMake: Self.make("content"))
        let second = try store.image(for: "b", orMake: Self.make("content"))
        #expect(first == second)
    }

    @Test(arguments: ["altered", ""])
    func anImageThatIsNoLongerWhatItWasIsMadeAnew(text: String) throws {
        let directory = try TemporaryDirectory()
        let store = try ImageStore(directory: directory.path)
        let image = try store.image(for: "a", orMake: Self.make("content"))
        try FileManager.default.removeItem(atPath: image.path)
        if !text.isEmpty { try Data(text.utf8).write(to: URL(fileURLWithPath: image.path)) }
        #expect(store.image(for: "a") == nil)
        #expect(try store.image(for: "a", orMake: Self.make("content")) == image)
        #expect(store.image(for: "a") == image)
    }

    @Test func whatCouldNotBeMadeLeavesNothing() throws {
        let directory = try TemporaryDirectory()
        let store = try ImageStore(directory: directory.path)
        #expect(throws: GuestImageError.self) {
            try store.image(for: "a") { path throws(GuestImageError) in
                _ = FileManager.default.createFile(atPath: path, contents: Data())
                throw GuestImageError("a tool failed")
            }
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(directory.path)/work").isEmpty)
        #expect(store.image(for: "a") == nil)
    }
}
