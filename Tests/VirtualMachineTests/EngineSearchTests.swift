import Foundation
import TestSupport
import Testing
import VirtualMachine

/// Stand-ins for QEMU tell what the search makes of hosts that this one is not.
@Suite struct EngineSearchTests {
    private static func findings(
        _ scripts: [String: String],
        kvm: String = "/dev/null",
        firecracker: String? = nil,
        deadline: Duration = .seconds(20)
    ) async throws -> [EngineFinding.Engine: EngineFinding.Verdict] {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("swiftlet-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        for (name, script) in scripts {
            let path = directory.appendingPathComponent(name).path
            try "#!/bin/sh\n\(script)\n".write(toFile: path, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
        }
        let search = EngineSearch(
            directories: [directory.path],
            firecracker: firecracker,
            kvmDevice: kvm,
            deadline: deadline
        )
        let found = await search.findings()
        return Dictionary(uniqueKeysWithValues: found.map { ($0.engine, $0.verdict) })
    }

    private static let version = #"[ "$1" = --version ] && echo "QEMU emulator version 7" && exit"#

    @Test func whatIsNotInstalledIsNamed() async throws {
        let found = try await Self.findings([:])
        #expect(
            found[.firecracker]
                == .unusable(reason: "firecracker is not installed (put the released program into PATH)")
        )
        for engine in [EngineFinding.Engine.qemuWithKVM, .qemuEmulating] {
            #expect(
                found[engine]
                    == .unusable(reason: "qemu-system-x86_64 is not installed (Debian: qemu-system-x86)")
            )
        }
    }

    @Test func aTrialThatRunsMakesAnEngine() async throws {
        let found = try await Self.findings(["qemu-system-x86_64": "\(Self.version)\nexit 85"])
        #expect(found[.qemuWithKVM] == .usable(version: "QEMU emulator version 7"))
        #expect(found[.qemuEmulating] == .usable(version: "QEMU emulator version 7"))
    }

    @Test func aProcessorThatIsThereAndDoesNothingIsFoundOut() async throws {
        let script = "\(Self.version)\ncase \"$*\" in *'-accel kvm'*) sleep 600;; esac\nexit 85"
        let found = try await Self.findings(["qemu-system-x86_64": script], deadline: .milliseconds(500))
        guard case .unusable(let reason)? = found[.qemuWithKVM] else {
            Issue.record("taken for usable")
            return
        }
        #expect(reason.hasPrefix("a trial machine did not run its first instructions within"))
    }

    @Test func anotherStatusIsNotTakenForARun() async throws {
        let found = try await Self.findings(["qemu-system-x86_64": "exit 0"], kvm: "/nowhere")
        #expect(found[.qemuWithKVM] == .unusable(reason: "there is no /nowhere"))
        #expect(found[.qemuEmulating] == .unusable(reason: "a trial machine did not run: QEMU exited with status 0"))
    }

    private static let firecracker = #"[ "$1" = --version ] && echo "Firecracker v1.13.1""#

    @Test func firecrackerIsUsableWhereATrialHasShownThatKVMIs() async throws {
        let scripts = ["firecracker": Self.firecracker, "qemu-system-x86_64": "\(Self.version)\nexit 85"]
        #expect(try await Self.findings(scripts)[.firecracker] == .usable(version: "Firecracker v1.13.1"))
    }

    @Test func firecrackerIsNotUsableWhereKVMIsNot() async throws {
        let scripts = ["firecracker": Self.firecracker, "qemu-system-x86_64": "\(Self.version)\nexit 1"]
        #expect(
            try await Self.findings(scripts)[.firecracker]
                == .unusable(
                    reason: "Firecracker v1.13.1 is there, but a trial machine did not run: QEMU exited with status 1"
                )
        )
        #expect(
            try await Self.findings(["firecracker": Self.firecracker], kvm: "/nowhere")[.firecracker]
                == .unusable(reason: "Firecracker v1.13.1 is there, but there is no /nowhere")
        )
    }

    @Test func whatWasNotTriedIsSaidToBe() async throws {
        #expect(
            try await Self.findings(["firecracker": Self.firecracker])[.firecracker]
                == .usable(version: "Firecracker v1.13.1; KVM was not tried, which takes QEMU")
        )
    }

    @Test func aPathOfFirecrackersGoesBeforeTheSearch() async throws {
        let found = try await Self.findings(["firecracker": Self.firecracker], firecracker: "/nowhere/firecracker")
        #expect(found[.firecracker] == .unusable(reason: "/nowhere/firecracker cannot be executed"))
    }

    @Test(.enabled(if: EngineSearch().program("qemu-system-x86_64") != nil, "needs QEMU"))
    func qemuItselfRunsTheTrial() async throws {
        let found = await EngineSearch().findings()
        #expect(found.first { $0.engine == .qemuEmulating }?.isUsable == true)
    }
}
