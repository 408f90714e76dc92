import CGuest
import Glibc

// Process 1 of a guest: a virtual machine that runs one function. It does what the host tells it to over one link, and if it
// ends, for whatever reason, the kernel ends the machine.

/// Says something on the machine's console.
func complain(_ text: String) {
    let line = Array("swiftlet-guest: \(text)\n".utf8)
    _ = write(STDERR_FILENO, line, line.count)
}

guard cguest_is_init() == 1 else {
    complain("it runs as process 1 of a virtual machine")
    exit(2)
}
do {
    try loadModules()
    let agent = try Agent(link: openLink())
    try agent.run()
} catch {
    complain("\(error)")
    exit(1)
}
