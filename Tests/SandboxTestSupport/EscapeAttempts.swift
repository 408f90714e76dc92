import Foundation
package import Sandbox

/// What a hostile function may try. Each attempt is a Python program that raises an error or exits with another status than 0
/// when it is refused, as it must be. Numbers of system calls are those of x86-64.
package enum EscapeAttempts {
    private static let preamble = """
        import ctypes, errno, os, resource, signal, socket, struct, sys
        libc = ctypes.CDLL(None, use_errno=True)
        def syscall(number, *arguments):
            result = libc.syscall(ctypes.c_long(number), *[
                ctypes.c_char_p(a) if isinstance(a, bytes) else ctypes.c_long(a) if isinstance(a, int) else a
                for a in arguments])
            if result < 0:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
            return result

        """

    private static let attempts: [(name: String, program: String)] = [
        // The host's files.
        ("read /etc/shadow", "open('/etc/shadow').read()"),
        ("list /root", "os.listdir('/root')"),
        ("list /home", "os.listdir('/home')"),
        ("list /sys", "os.listdir('/sys')"),
        ("read the service's data", "os.listdir('@DIRECTORY@')"),
        ("read a secret through pid 1", "open('/proc/1/root@DIRECTORY@/secret').read()"),
        ("read the environment of pid 1", "open('/proc/1/environ').read()"),
        ("read the memory of pid 1", "open('/proc/1/mem', 'rb')"),
        ("list the descriptors of pid 1", "os.listdir('/proc/1/fd')"),
        ("walk out of the root", "os.listdir('/../../../..@DIRECTORY@')"),
        ("open by handle", "syscall(304, -100, b'\\x08\\0\\0\\0\\x01\\0\\0\\0' + bytes(8), 0)"),
        ("name to handle", "syscall(303, -100, b'/', bytes(128), bytes(8), 0)"),
        ("change the userland", "open('/usr/bin/evil', 'w')"),
        ("change /etc", "open('/etc/passwd', 'a')"),
        ("change the root", "os.mkdir('/evil')"),
        ("change /dev", "os.mkdir('/dev/evil')"),
        ("use shared memory files", "os.listdir('/dev/shm')"),
        ("write the host's settings", "open('/proc/sys/kernel/core_pattern', 'w').write('|/tmp/x')"),
        ("write to sysrq", "open('/proc/sysrq-trigger', 'w').write('h')"),
        ("read kernel memory", "open('/proc/kcore', 'rb').read(1)"),
        ("read the kernel's log", "open('/proc/kmsg').read(1)"),
        ("open /dev/mem", "open('/dev/mem', 'rb')"),
        ("open a loop device", "open('/dev/loop0', 'rb')"),
        ("make a device node", "os.mknod('/tmp/disk', 0o60666, os.makedev(254, 0))"),
        ("use a device node", "os.mknod('/tmp/null', 0o20666, os.makedev(1, 3)); open('/tmp/null')"),
        // The host's processes.
        ("signal a host process", "os.kill(@PID@, 0)"),
        ("see a host process", "os.stat('/proc/@PID@/status') if @PID@ > 1000 else sys.exit(1)"),
        ("kill pid 1", "os.kill(1, 9)"),
        ("stop pid 1", "os.kill(1, 19)"),
        ("trace pid 1", "syscall(101, 16, 1, 0, 0)"),
        ("trace a child", "syscall(101, 16, os.posix_spawn('/bin/sleep', ['sleep', '1'], {}), 0, 0)"),
        ("read another process's memory", "syscall(310, os.getpid(), bytes(16), 1, bytes(16), 1, 0)"),
        ("take a descriptor of pid 1", "syscall(438, os.pidfd_open(1), 0, 0)"),
        ("enter pid 1's namespaces", "syscall(308, os.open('/proc/1/ns/mnt', 0), 0)"),
        ("enter a namespace by pidfd", "syscall(308, os.pidfd_open(1), 0x20000)"),
        // Rights.
        ("become root", "os.setuid(0)"),
        ("become root's group", "os.setgid(0)"),
        ("become another user", "os.setuid(1000)"),
        ("join a group", "os.setgroups([0])"),
        ("gain rights by a program", "os.execv('/usr/bin/su', ['su', '-c', 'true'])"),
        (
            "gain capabilities",
            "syscall(126, struct.pack('IiIIIIII', 0x20080522, 0, 1, 1, 0, 0, 0, 0)[:8], "
                + "struct.pack('IIIIII', 1 << 21, 1 << 21, 0, 0, 0, 0))"
        ),
        ("raise the limit on descriptors", "resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))"),
        ("raise the limit on processes", "resource.setrlimit(resource.RLIMIT_NPROC, (9999, 9999))"),
        ("raise the limit on core files", "resource.setrlimit(resource.RLIMIT_CORE, (1, 1))"),
        ("get real-time priority", "os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))"),
        ("raise priority", "os.nice(-1)"),
        // Namespaces and mounts.
        ("mount", "syscall(165, b'none', b'/tmp', b'tmpfs', 0, 0)"),
        ("remount the root writable", "syscall(165, 0, b'/', 0, 4096 | 32, 0)"),
        ("unmount", "syscall(166, b'/proc', 2)"),
        ("unmount /tmp", "syscall(166, b'/tmp', 2)"),
        ("change root", "os.chroot('/tmp')"),
        ("pivot_root", "syscall(155, b'/tmp', b'/tmp')"),
        ("make a user namespace", "syscall(272, 0x10000000)"),
        ("make a mount namespace", "syscall(272, 0x20000)"),
        ("make a network namespace", "syscall(272, 0x40000000)"),
        ("clone into a user namespace", "syscall(56, 0x10000000 | 17, 0, 0, 0, 0)"),
        (
            "clone3 into a user namespace",
            "syscall(435, struct.pack('QQQQQQQQ', 0x10000000, 0, 0, 0, 17, 0, 0, 0), 64)"
        ),
        ("copy a mount", "syscall(428, -100, b'/', 1)"),
        ("move a mount", "syscall(429, -100, b'/tmp', -100, b'/opt', 0)"),
        ("make a file system", "syscall(430, b'tmpfs', 0)"),
        ("change a mount", "syscall(442, -100, b'/', 0, bytes(32), 32)"),
        ("leave the cgroup", "open('/sys/fs/cgroup/cgroup.procs', 'w')"),
        // The kernel.
        ("load a BPF program", "syscall(321, 0, bytes(128), 128)"),
        ("use the key store", "syscall(250, 0, -3, 1)"),
        ("add a key", "syscall(248, b'user', b'a', b'b', 1, -3)"),
        ("use io_uring", "syscall(425, 1, bytes(256))"),
        ("watch performance events", "syscall(298, bytes(128), 0, -1, -1, 0)"),
        ("handle page faults", "syscall(323, 0)"),
        ("load a module", "syscall(175, bytes(8), 8, b'')"),
        ("load a kernel", "syscall(246, 0, 0, 0, 0)"),
        ("reboot", "syscall(169, 0xfee1dead, 672274793, 0, 0)"),
        ("set the clock", "syscall(227, 0, struct.pack('QQ', 0, 0))"),
        ("set the host name", "syscall(170, b'evil', 4)"),
        ("swap", "syscall(167, b'/tmp/x', 0)"),
        ("read the kernel's log by call", "syscall(103, 3, bytes(64), 64)"),
        ("reach ports", "syscall(172, 3)"),
        ("change local descriptors", "syscall(154, 0, bytes(16), 16)"),
        ("use a quota", "syscall(179, 0, b'/dev/loop0', 0, bytes(64))"),
        ("call in 32-bit mode by the x32 numbers", "syscall(0x40000000 + 39)"),
        // The network.
        ("reach the host's loopback", "socket.create_connection(('127.0.0.1', @PORT@), 2)"),
        ("reach the host over IPv6", "socket.create_connection(('::1', @PORT@), 2)"),
        ("reach another address", "socket.create_connection(('192.0.2.1', 80), 2)"),
        ("reach instance metadata", "socket.create_connection(('169.254.169.254', 80), 2)"),
        ("reach an abstract socket of the host", "socket.socket(socket.AF_UNIX).connect('\\0@ABSTRACT@')"),
        ("open a raw socket", "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)"),
        ("open a packet socket", "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)"),
        ("open a vsock", "socket.socket(40, socket.SOCK_STREAM)"),
        ("talk to the kernel's firewall", "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)"),
        ("take the Runtime API's port", "socket.create_server(('127.0.0.1', 9001))"),
        (
            "change an interface",
            "import fcntl; "
                + "fcntl.ioctl(socket.socket(), 0x8914, struct.pack('16sH14s', b'lo', 0, b''))"
        ),
    ]

    private struct Result: Decodable {
        let name: String
        /// As `waitpid` has it.
        let status: Int
        let output: String
    }

    /// Each attempt in a process of its own, with what it prints in a file, and one after the other.
    private static let runner = """
        import json, traceback
        results = []
        for name, program in json.loads(sys.argv[1]):
            sys.stdout.flush()
            with open('/tmp/.output', 'w+') as output:
                child = os.fork()
                if child == 0:
                    os.dup2(output.fileno(), 1)
                    os.dup2(output.fileno(), 2)
                    try:
                        exec(program)
                    except SystemExit as error:
                        os._exit(error.code or 0)
                    except BaseException:
                        traceback.print_exc()
                        sys.stderr.flush()
                        os._exit(1)
                    os._exit(0)
                status = os.waitpid(child, 0)[1]
                output.seek(0)
                results.append({'name': name, 'status': status, 'output': output.read()})
        print(json.dumps(results))
        """

    /// Makes all attempts in a sandbox. Returns what was not refused, or not as it must be; empty if all was.
    ///
    /// - Parameter directory: One of the host that nothing inside may see, with a file `secret`.
    package static func failures(in sandbox: any Sandbox, directory: String) async throws -> [String] {
        let canaries = try Canaries()
        var marked = attempts.map { [$0.name, $0.program] }
        for (mark, value) in [
            "@DIRECTORY@": directory, "@PID@": "\(getpid())", "@PORT@": "\(canaries.port)",
            "@ABSTRACT@": canaries.abstractName,
        ] {
            for index in marked.indices {
                marked[index][1] = marked[index][1].replacingOccurrences(of: mark, with: value)
            }
        }
        let list = String(decoding: try JSONEncoder().encode(marked), as: UTF8.self)
        let told = try await sandbox.python(preamble + runner, [list])
        var failures: [String] = []
        guard let results = try? JSONDecoder().decode([Result].self, from: Data(told.output.utf8)),
            results.count == attempts.count
        else { return ["the attempts did not end: \(told)"] }
        for result in results {
            if result.status == 0 { failures.append("\(result.name) was not refused: \(result.output)") }
            // Refused by the system, not by an error in the attempt itself.
            let isRefusal = ["Error: [Errno", "PermissionError", "timed out", "Critical error", "not allowed"]
                .contains { result.output.contains($0) }
            if !isRefusal && !result.output.isEmpty { failures.append("\(result.name): \(result.output)") }
            if result.output.contains("Bad address") { failures.append("\(result.name) got as far as the kernel") }
        }
        if canaries.connectionCount() > 0 { failures.append("a listener of the host was reached") }
        if try await sandbox.run("/bin/true").exit != .exited(0) { failures.append("an attempt harmed the sandbox") }
        return failures
    }
}

/// Listeners of the host that nothing in a sandbox may reach.
private struct Canaries {
    let port: UInt16
    let abstractName = "swiftlet-test-\(UUID())"
    private let listeners: [FileHandle]

    init() throws {
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        let internet = FileHandle(
            fileDescriptor: socket(AF_INET6, Int32(SOCK_STREAM.rawValue), 0),
            closeOnDealloc: true
        )
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                // Any address, IPv4 and IPv6.
                bind(internet.fileDescriptor, $0, length) == 0 && listen(internet.fileDescriptor, 64) == 0
                    && getsockname(internet.fileDescriptor, $0, &length) == 0
            }
        }
        guard isBound else { throw BrokenPromise(description: "no listener on the host") }
        port = UInt16(bigEndian: address.sin6_port)

        var local = sockaddr_un()
        local.sun_family = sa_family_t(AF_UNIX)
        let name = [0] + abstractName.utf8
        withUnsafeMutableBytes(of: &local.sun_path) { $0.copyBytes(from: name) }
        let abstract = FileHandle(
            fileDescriptor: socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0),
            closeOnDealloc: true
        )
        let isListening = withUnsafePointer(to: &local) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(abstract.fileDescriptor, $0, socklen_t(2 + name.count)) == 0
                    && listen(abstract.fileDescriptor, 64) == 0
            }
        }
        guard isListening else { throw BrokenPromise(description: "no listener on the host") }
        listeners = [internet, abstract]
    }

    /// How many of the listeners have a connection waiting.
    func connectionCount() -> Int {
        listeners.filter { listener in
            var waiting = pollfd(fd: listener.fileDescriptor, events: Int16(POLLIN), revents: 0)
            return poll(&waiting, 1, 0) > 0
        }.count
    }
}
