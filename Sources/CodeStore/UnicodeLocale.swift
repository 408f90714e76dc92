import Glibc

/// Runs `body` with a character type of UTF-8 on this thread only.
///
/// libarchive reads names by way of the thread's locale. A process has the locale `C` unless it asks for another, in
/// which every name with anything but ASCII in it is lost; to change it for the whole process is not a library's to do.
///
/// - Throws: what `body` throws; `.unavailable` if the host's C library lacks `C.UTF-8`.
func withUnicodeLocale<Value>(
    _ body: () throws(CodeStoreError) -> Value
) throws(CodeStoreError) -> Value {
    guard let unicode = newlocale(CInt(LC_CTYPE_MASK), "C.UTF-8", nil) else {
        throw CodeStoreError(.unavailable, "failed to unpack: the host has no locale C.UTF-8")
    }
    defer { freelocale(unicode) }
    let previous = uselocale(unicode)
    defer { _ = uselocale(previous) }
    return try body()
}
