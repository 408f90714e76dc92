import Glibc

/// A system call that failed.
struct SystemError: Error, CustomStringConvertible {
    /// What was attempted, lower case.
    let operation: String
    let errno: CInt

    var description: String { "\(operation): \(errorText(errno))" }
}

/// The error number's text, with the number: `No such file or directory (2)`.
func errorText(_ number: CInt) -> String {
    "\(String(cString: strerror(number))) (\(number))"
}

/// Makes a system call that returns -1 and sets `errno` on failure.
@discardableResult
func checked<Result: SignedInteger>(_ operation: @autoclosure () -> String, _ call: () -> Result)
    throws(SystemError) -> Result
{
    let result = call()
    guard result >= 0 else { throw SystemError(operation: operation(), errno: errno) }
    return result
}
