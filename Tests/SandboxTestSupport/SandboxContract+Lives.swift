import Foundation
import Sandbox

// The life of a sandbox: adoption, freezing, the end.
extension SandboxContract {
    static let lives = [
        SandboxCheck("a function adopts a sandbox while a process waits in it") { engine in
            try await withDirectory { directory in
                try "code".write(toFile: directory + "/file", atomically: true, encoding: .utf8)
                try await engine.withSandbox(.test(isAdoptable: true)) { sandbox in
                    let script = "while [ ! -e /var/task/file ]; do sleep 0.02; done; cat /var/task/file; exit 3"
                    let waiting = try await sandbox.launch("/bin/sh", ["-c", script], workingDirectory: "/")
                    let code = ReadOnlyMount(source: directory, target: "/var/task")
                    try await sandbox.adopt(.test(memoryMiB: 64, temporaryStorageMiB: 64, mounts: [code]))
                    let told = await waiting.output.readToEnd()
                    let exit = await waiting.exit()
                    try demand(told == "code" && exit == .exited(3), told)
                    let sizes = try await sandbox.python(
                        "import os; s = os.statvfs('/tmp'); print(60 <= s.f_bavail * s.f_frsize >> 20 <= 80)"
                    )
                    try demand(sizes.output == "True\n", sizes.output)
                    let killed = try await sandbox.python("x = b'1' * (100 << 20)")
                    try demand(killed.exit == .signalled(9), "\(killed)")
                    try await demandError(.gone) { try await sandbox.adopt(.test()) }
                }
            }
        },
        SandboxCheck("a sandbox that is not to be adopted is not") { engine in
            try await engine.withSandbox(.test()) { sandbox in
                try await demandError(.gone) { try await sandbox.adopt(.test()) }
            }
        },
        SandboxCheck("nothing happens while frozen", in: .test()) { sandbox in
            // Writes as fast as it can, so whenever it may run at all there is something in the pipe.
            let process = try await sandbox.launch("/bin/sh", ["-c", "while :; do echo x; done"])
            for _ in 0..<5 {
                let first = await process.output.read(upTo: 1)
                try demand(!first.isEmpty, "nothing came")
                try sandbox.freeze()
                try sandbox.freeze()
                // What was under way comes; when nothing has come for a while, nothing may come any more.
                while process.output.drain() > 0 { try await Task.sleep(for: .milliseconds(100)) }
                try demand(process.output.drain() == 0, "it goes on")
                try sandbox.thaw()
                try sandbox.thaw()
            }
        },
        SandboxCheck("running processes are lost with their sandbox, also when frozen") { engine in
            for freezes in [false, true] {
                let sandbox = try await engine.createSandbox(.test())
                let process = try await sandbox.launch("/bin/sh", ["-c", "echo up; (sleep 1000 &); sleep 1000"])
                let up = await process.output.read(upTo: 3)
                try demand(up == "up\n", up)
                if freezes { try sandbox.freeze() }
                await sandbox.destroy()
                let exit = await process.exit()
                let rest = await process.output.readToEnd()
                try demand(exit == .lost && rest.isEmpty, "\(String(describing: exit)) \(rest)")
            }
        },
        SandboxCheck("a sandbox is destroyed once for all who ask, and is gone then") { engine in
            let sandbox = try await engine.createSandbox(.test())
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<8 { group.addTask { await sandbox.destroy() } }
            }
            await sandbox.destroy()
            try await demandError(.gone) { _ = try await sandbox.launch("/bin/true") }
            try await demandError(.gone) { try await sandbox.killProcesses() }
            try await demandError(.gone) { try sandbox.freeze() }
            try await demandError(.gone) { try sandbox.setCPULimit(.thousandths(100)) }
            try await demandError(.gone) { _ = try await sandbox.connect(toPort: 8080) }
            try demand(sandbox.takeRuntimeAPIListener() == nil, "a listener")
        },
    ]
}
