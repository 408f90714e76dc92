import Foundation
import Sandbox

/// What every engine's sandboxes promise; each engine's tests run all of it.
package enum SandboxContract {
    package static let checks = processes + sights + lives

    // MARK: Processes

    private static let processes = [
        SandboxCheck("output and exit status arrive", in: .test()) { sandbox in
            let told = try await sandbox.shell("echo out; echo err >&2; exit 7")
            try demand(told.output == "out\nerr\n" && told.exit == .exited(7), "\(told)")
        },
        SandboxCheck("the signal that ended a process arrives", in: .test()) { sandbox in
            for (name, number) in [("TERM", 15), ("SEGV", 11), ("KILL", 9)] {
                let told = try await sandbox.shell("kill -\(name) $$")
                try demand(told.exit == .signalled(number), "\(told)")
            }
        },
        SandboxCheck("a process has exactly its arguments, environment and directory", in: .test()) { sandbox in
            let program = "import os, sys; print(sys.argv[1:], sorted(os.environ.items()), os.getcwd())"
            let process = try await sandbox.launch(
                "/usr/bin/python3.11",
                ["-c", program, "", "a b", "ü"],
                environment: ["A=1", "B=x=y", "LC_CTYPE=C.UTF-8"],
                workingDirectory: "/var/task"
            )
            let told = await process.output.readToEnd()
            try demand(
                told == "['', 'a b', 'ü'] [('A', '1'), ('B', 'x=y'), ('LC_CTYPE', 'C.UTF-8')] /var/task\n",
                told
            )
        },
        SandboxCheck("what is no program is not executed", in: .test()) { sandbox in
            _ = try await sandbox.python(
                "open('/tmp/empty', 'w').write('\\n'); __import__('os').chmod('/tmp/empty', 0o755)"
            )
            let cases = [
                ("/nowhere", "/tmp", ENOENT), ("/proc/version", "/tmp", EACCES), ("/tmp/empty", "/tmp", ENOEXEC),
                ("/bin/true", "/nowhere", ENOENT), ("/tmp", "/tmp", EACCES),
            ]
            for (executable, directory, error) in cases {
                try await demandError(.execFailed, errno: error) {
                    _ = try await sandbox.launch(executable, workingDirectory: directory)
                }
            }
            let told = try await sandbox.run("/bin/true")
            try demand(told.exit == .exited(0), "\(told)")
        },
        SandboxCheck("strings that cannot be passed are refused", in: .test()) { sandbox in
            for argument in ["a\0b", String(repeating: "x", count: 200_000)] {
                try await demandError(.execFailed) { _ = try await sandbox.launch("/bin/true", [argument]) }
            }
            let told = try await sandbox.run("/bin/true")
            try demand(told.exit == .exited(0), "\(told)")
        },
        SandboxCheck("processes run beside each other", in: .test()) { sandbox in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<16 {
                    group.addTask {
                        let told = try await sandbox.shell("exit \(number)")
                        try demand(told.exit == .exited(number), "\(told)")
                    }
                }
                try await group.waitForAll()
            }
        },
        SandboxCheck("processes that their parents left are reaped", in: .test()) { sandbox in
            // The pipe closes when the last orphan ends; by then none may be left as a zombie beside the new process.
            _ = try await sandbox.shell("for i in 1 2 3 4 5; do (/bin/true &) ; done")
            let told = try await sandbox.python(
                """
                import glob
                print([s for s in (open(p).read().rpartition(')')[2].split()[0] for p in glob.glob('/proc/[0-9]*/stat'))
                       if s == 'Z'])
                """
            )
            try demand(told.output == "[]\n", told.output)
        },
        SandboxCheck("a process can open its standard output", in: .test()) { sandbox in
            let told = try await sandbox.shell("echo one > /dev/stdout; echo two > /dev/stderr; cat /dev/stdin")
            try demand(told.output == "one\ntwo\n", told.output)
        },
        SandboxCheck("a signal reaches a process and its group, and no other", in: .test()) { sandbox in
            let other = try await sandbox.launch("/bin/sh", ["-c", "echo up; exec sleep 1000"])
            let script = "trap 'echo told; exit 5' TERM; echo up; while :; do sleep 0.05; done"
            let process = try await sandbox.launch("/bin/sh", ["-c", script])
            for started in [other, process] {
                let up = await started.output.read(upTo: 3)
                try demand(up == "up\n", up)
            }
            try sandbox.signal(process.process, 15)
            let exit = await process.exit()
            try demand(exit == .exited(5), "\(String(describing: exit))")
            try sandbox.signal(process.process, 15)
            try sandbox.signal(other.process, 9)
            let killed = await other.exit()
            try demand(killed == .signalled(9), "\(String(describing: killed))")
        },
        SandboxCheck("all processes are killed, also what is frozen, and files stay", in: .test()) { sandbox in
            for freezes in [false, true] {
                let script = "trap '' TERM; echo kept > /tmp/file; (sleep 1000 &); echo on; sleep 1000"
                let process = try await sandbox.launch("/bin/sh", ["-c", script])
                _ = await process.output.read(upTo: 3)
                if freezes { try sandbox.freeze() }
                try await sandbox.killProcesses()
                let exit = await process.exit()
                try demand(exit == .signalled(9), "\(String(describing: exit))")
                let told = try await sandbox.shell("cat /tmp/file")
                try demand(told.output == "kept\n", told.output)
            }
        },
        SandboxCheck("a channel goes both ways", in: .test()) { sandbox in
            var ends: [CInt] = [-1, -1]
            socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends)
            defer { close(ends[0]) }
            let program = "import os; os.write(3, b'ready'); print(os.read(3, 100), os.read(3, 100))"
            let process = try await sandbox.launch("/usr/bin/python3.11", ["-c", program], channel: ends[1])
            close(ends[1])
            let ours = FileHandle(fileDescriptor: ends[0], closeOnDealloc: false)
            let ready = try ours.read(upToCount: 5) ?? Data()
            try demand(ready == Data("ready".utf8), "\(ready)")
            _ = send(ends[0], "function", 8, CInt(MSG_NOSIGNAL))
            shutdown(ends[0], CInt(SHUT_WR))
            let told = await process.output.readToEnd()
            try demand(told == "b'function' b''\n", told)
        },
    ]

    // MARK: What a function sees

    private static let sights = [
        SandboxCheck("user, group and limits are Lambda's", in: .test()) { sandbox in
            let told = try await sandbox.python(
                """
                import os, resource as r
                print(os.getuid(), os.getgid(), os.getgroups() in ([], [990]), os.uname().nodename)
                print([r.getrlimit(k) for k in (r.RLIMIT_NOFILE, r.RLIMIT_CORE, r.RLIMIT_MEMLOCK)], r.getrlimit(r.RLIMIT_STACK)[0])
                for line in open('/proc/self/status'):
                    if line.startswith(('Cap', 'NoNewPrivs', 'Seccomp:', 'SigIgn')): print(*line.split())
                print([oct(os.stat(p).st_mode) for p in ('/tmp', '/var/task', '/opt')])
                """
            )
            try demand(
                told.output == """
                    993 990 True sandbox
                    [(1024, 1024), (0, 0), (65536, 65536)] 8388608
                    SigIgn: 0000000001001000
                    CapInh: 0000000000000000
                    CapPrm: 0000000000000000
                    CapEff: 0000000000000000
                    CapBnd: 0000000000000000
                    CapAmb: 0000000000000000
                    NoNewPrivs: 1
                    Seccomp: 2
                    ['0o41777', '0o40755', '0o40755']

                    """,
                told.output
            )
        },
        SandboxCheck("mounts are read-only in their places") { engine in
            try await withDirectory { directory in
                try "hello".write(toFile: directory + "/file", atomically: true, encoding: .utf8)
                let mounts = ["/var/task", "/opt", "/var/runtime"].map { ReadOnlyMount(source: directory, target: $0) }
                try await engine.withSandbox(.test(mounts: mounts)) { sandbox in
                    for mount in mounts {
                        let told = try await sandbox.shell(
                            "cat \(mount.target)/file; echo x > \(mount.target)/file || echo ' refused'"
                        )
                        try demand(told.output.hasPrefix("hello") && told.output.hasSuffix("refused\n"), told.output)
                    }
                }
            }
        },
        SandboxCheck("the size of /tmp is what was asked for", in: .test(temporaryStorageMiB: 64)) { sandbox in
            let program = """
                written = 0
                try:
                    with open('/tmp/x', 'wb', buffering=0) as file:
                        while True: written += file.write(bytes(1 << 20))
                except OSError as error: print(error.errno, 64 <= written >> 20 <= 80, __import__('os').listdir('/tmp'))
                """
            let told = try await sandbox.python(program)
            try demand(told.output == "28 True ['x']\n", told.output)
        },
        SandboxCheck("memory beyond the limit is refused, and told", in: .test(memoryMiB: 64)) { sandbox in
            try demand(!sandbox.hasExceededMemory(), "before")
            let told = try await sandbox.python("x = b'1' * (100 << 20)")
            try demand(told.exit == .signalled(9), "\(told)")
            try demand(sandbox.hasExceededMemory() && sandbox.peakMemoryBytes() > 32 << 20, "after")
        },
        SandboxCheck("what runs inside reaches the Runtime API, which is given out once", in: .test()) { sandbox in
            guard let listener = sandbox.takeRuntimeAPIListener() else {
                throw BrokenPromise(description: "no listener")
            }
            defer { close(listener) }
            try demand(sandbox.takeRuntimeAPIListener() == nil, "a second listener")
            let client = try await sandbox.launch(
                "/usr/bin/python3.11",
                [
                    "-c",
                    "import socket; s = socket.create_connection(('127.0.0.1', 9001)); s.sendall(b'hello'); print(s.recv(9))",
                ]
            )
            let question = await answer(listener, "answer")
            try demand(question == "hello", question)
            let told = await client.output.readToEnd()
            try demand(told == "b'answer'\n", told)
        },
        SandboxCheck("a connection reaches what listens inside", in: .test()) { sandbox in
            let program = """
                import socket
                listener = socket.create_server(('127.0.0.1', 8080))
                print('ready', flush=True)
                print(listener.accept()[0].recv(100))
                """
            let process = try await sandbox.launch("/usr/bin/python3.11", ["-c", program])
            let ready = await process.output.read(upTo: 6)
            try demand(ready == "ready\n", ready)
            let descriptor = try await sandbox.connect(toPort: 8080)
            defer { close(descriptor) }
            try demand(send(descriptor, "hello", 5, CInt(MSG_NOSIGNAL)) == 5, "not sent")
            let told = await process.output.readToEnd()
            try demand(told == "b'hello'\n", told)
        },
        SandboxCheck("sandboxes share nothing") { engine in
            let sandboxes = try await withThrowingTaskGroup(of: (any Sandbox).self) { group in
                for _ in 0..<4 { group.addTask { try await engine.createSandbox(.test()) } }
                return try await group.reduce(into: [any Sandbox]()) { $0.append($1) }
            }
            var random: Set<String> = []
            for sandbox in sandboxes {
                let told = try await sandbox.python(
                    "import os; print(os.urandom(16), os.listdir('/tmp'), len([p for p in os.listdir('/proc') if p.isdigit()]))"
                        + "; open('/tmp/x', 'w')"
                )
                random.insert(told.output)
                try demand(told.output.contains(" [] "), told.output)
            }
            for sandbox in sandboxes { await sandbox.destroy() }
            try demand(random.count == 4, "\(random)")
        },
    ]

    /// Accepts a connection, reads from it once, and answers.
    private static func answer(_ listener: CInt, _ answer: String) async -> String {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                var ready = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
                poll(&ready, 1, 20_000)
                let connection = accept(listener, nil, nil)
                var bytes = [UInt8](repeating: 0, count: 100)
                let count = read(connection, &bytes, bytes.count)
                _ = send(connection, answer, answer.utf8.count, CInt(MSG_NOSIGNAL))
                shutdown(connection, CInt(SHUT_WR))
                while read(connection, &bytes, bytes.count) > 0 {}
                close(connection)
                continuation.resume(returning: String(decoding: bytes.prefix(max(0, count)), as: UTF8.self))
            }
        }
    }

    static func withDirectory(_ body: (String) async throws -> Void) async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("check-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try await body(directory)
    }
}
