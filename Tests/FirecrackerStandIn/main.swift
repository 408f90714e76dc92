import FirecrackerAPI
import Foundation
import Glibc

// A program that answers as Firecracker does, checks all that it is asked, and has a machine that does nothing but echo. It
// stands where Firecracker would, so that the driver can be checked where there is no KVM.

signal(SIGPIPE, SIG_IGN)
let arguments = CommandLine.arguments

func argument(after name: String) -> String? {
    arguments.firstIndex(of: name).flatMap { arguments.dropFirst($0 + 1).first }
}

guard let text = argument(after: Script.argument), let apiSocket = argument(after: "--api-sock"),
    arguments.count == 5,
    let script = try? JSONDecoder().decode(Script.self, from: Data(text.utf8))
else {
    print("usage: firecracker-stand-in \(Script.argument) SCRIPT --api-sock PATH")
    exit(153)
}
switch script.start {
case .exit: exit(1)
case .noSocket: while true { pause() }
case .link:
    symlink("/proc/self/fd/0", apiSocket)
    while true { pause() }
case .normal: break
}
guard let listener = listeningSocket(at: apiSocket) else { exit(1) }
let api = API(script)
while true {
    let connection = accept(listener, nil, nil)
    guard connection >= 0 else { exit(1) }
    api.serve(connection)
    close(connection)
}
