import GuestImages
import Testing

@Suite struct CPIOArchiveTests {
    @Test func anArchiveHasItsFilesAndAnEnd() {
        var archive = CPIOArchive()
        archive.addDirectory("proc")
        archive.addFile("init", Array("hello".utf8), isExecutable: true)
        let bytes = archive.finished()
        #expect(bytes.count.isMultiple(of: 4))
        let text = String(decoding: bytes, as: UTF8.self)
        let head = "070701" + "00000002" + "000081ED" + "00000000" + "00000000" + "00000001" + "00000000" + "00000005"
        #expect(text.contains(head))
        #expect(text.contains("init\0\0hello\0\0\0070701"))
        #expect(text.hasSuffix("TRAILER!!!\0\0\0\0"))
        #expect(bytes == archive.finished())
    }
}
