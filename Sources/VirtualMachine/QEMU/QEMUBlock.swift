/// A block node of QEMU's on a file that it has as a descriptor.
struct QEMUBlock: Hashable {
    let name: String
    /// The number of the set of descriptors in which the file is.
    let fileSet: Int
    let isReadOnly: Bool

    /// In the form of `blockdev-add` and of `-blockdev`. Locks are for files that several have by their path.
    var json: String {
        #"{"driver":"file","node-name":"\#(name)","filename":"/dev/fdset/\#(fileSet)","#
            + #""read-only":\#(isReadOnly),"locking":"off"}"#
    }
}
