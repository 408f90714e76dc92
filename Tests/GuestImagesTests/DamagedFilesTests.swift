import Foundation
import GuestImages
import TestSupport
import Testing

/// What was made once, and was lost or cut short since.
@Suite struct DamagedFilesTests {
    /// The beginning of an image with 4 blocks of 4096 bytes, and what is left of it.
    private static func image(bytes: Int = 4 * 4096, magic: [UInt8] = [0xE2, 0xE1, 0xF5, 0xE0]) -> Data {
        var image = Data(count: 4 * 4096)
        image.replaceSubrange(1024..<1028, with: magic)
        image[1024 + 12] = 12
        image[1024 + 36] = 4
        return image.prefix(bytes)
    }

    @Test(arguments: [
        (image(), true), (image(bytes: 4 * 4096 - 1), false), (image(bytes: 1064), false), (image(bytes: 1063), false),
        (Data(), false), (nil, false), (image(magic: [0, 0, 0, 0]), false),
    ])
    func onlyAWholeImageOfARuntimeIsUsed(content: Data?, isWhole: Bool) throws {
        let directory = try TemporaryDirectory()
        let builder = try RuntimeImageBuilder(directory: directory.path)
        #expect(builder.runtimesOfDamagedImages.isEmpty)
        let id = String(repeating: "a", count: 64)
        try Data(id.utf8).write(to: URL(filePath: "\(directory.path)/named/python3.11"))
        try content?.write(to: URL(filePath: "\(directory.path)/images/\(id)"))
        #expect(builder.images.map(\.image.id) == (isWhole ? [id] : []))
        #expect(builder.runtimesOfDamagedImages == (isWhole ? [] : ["python3.11"]))
    }

    @Test(arguments: ["altered", ""])
    func aKernelThatIsNoLongerWhatItWasIsNotUsed(text: String) throws {
        let directory = try TemporaryDirectory()
        let builder = try BootFilesBuilder(directory: "\(directory.path)/guests")
        let (agent, kernel) = ("\(directory.path)/agent", "\(directory.path)/kernel")
        for file in [agent, kernel] { try Data(file.utf8).write(to: URL(filePath: file)) }
        #expect(try builder.lastFiles(agent: agent) == nil)
        let files = try builder.files(ofKernelAt: kernel, agent: agent)
        #expect(try builder.lastFiles(agent: agent) == files)
        try FileManager.default.removeItem(atPath: files.kernel.path)
        if !text.isEmpty { try Data(text.utf8).write(to: URL(filePath: files.kernel.path)) }
        #expect(try builder.lastFiles(agent: agent) == nil)
        #expect(try builder.files(ofKernelAt: kernel, agent: agent) == files)
        #expect(try builder.lastFiles(agent: agent) == files)
    }
}
