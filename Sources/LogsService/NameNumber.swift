/// Numbers for names of streams and hosts.
package enum NameNumber {
    /// A name's number, the same whenever and wherever it is computed: FNV-1a.
    package static func of(_ name: String) -> UInt64 {
        name.utf8.reduce(0xCBF2_9CE4_8422_2325) { (hash: UInt64, byte) in
            (hash ^ UInt64(byte)) &* 0x0100_0000_01B3
        }
    }
}
