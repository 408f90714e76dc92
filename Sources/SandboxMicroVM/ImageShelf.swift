/// Which images of directories are kept on the disk: those used last, up to a size. One that goes is made again when it is needed;
/// who has it open keeps it. Pure.
struct ImageShelf {
    private struct Entry {
        let bytes: Int
        var lastUse: Int
    }

    private let bytesMax: Int
    private var entries: [String: Entry] = [:]
    private var bytes = 0
    private var uses = 0

    /// - Parameter bytesMax: How much all of them may take. The one used last stays, whatever it takes.
    init(bytesMax: Int) {
        self.bytesMax = bytesMax
    }

    /// The image of this directory is used, or has just been made; it takes so many bytes. Returns the directories whose images
    /// are to go.
    mutating func used(_ directory: String, bytes: Int) -> [String] {
        uses += 1
        if entries[directory] == nil { self.bytes += bytes }
        entries[directory] = Entry(bytes: entries[directory]?.bytes ?? bytes, lastUse: uses)
        var leaving: [String] = []
        while self.bytes > bytesMax, entries.count > 1,
            let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse })
        {
            self.bytes -= oldest.value.bytes
            entries[oldest.key] = nil
            leaving.append(oldest.key)
        }
        return leaving
    }

    /// The image is not there any more.
    mutating func forget(_ directory: String) {
        bytes -= entries.removeValue(forKey: directory)?.bytes ?? 0
    }
}
