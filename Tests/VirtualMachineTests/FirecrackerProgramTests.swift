import FirecrackerAPI
import Testing

@testable import VirtualMachine

@Suite struct FirecrackerProgramTests {
    private static let program = FirecrackerProgram(executable: "/usr/bin/firecracker")
    private static let machine = MachineSpecification(
        memoryMiB: 128,
        processors: 2,
        kernel: MachineFile(descriptor: 20, contentID: "k"),
        initialFiles: MachineFile(descriptor: 21, contentID: "i"),
        drives: [MachineDrive(descriptor: 30, isReadOnly: true), MachineDrive(descriptor: 31, isReadOnly: false)]
    )

    private static func descriptors(drives: [CInt]) -> FirecrackerProgram.Descriptors {
        FirecrackerProgram.Descriptors(
            sockets: 10,
            files: 11,
            savedMemory: 12,
            savedState: 13,
            drives: drives,
            origin: (20, 21)
        )
    }

    private static let all: [FirecrackerRequest] =
        program.requests(for: machine, .boot) + program.requests(for: machine, .restore)
        + [
            .pause, .resume, program.createSnapshot, program.resetDrive(1),
            program.replaceDrive(0, withFile: "drive0-1"),
        ]

    @Test(arguments: all)
    func everyRequestIsOneThatFirecrackerDescribes(request: FirecrackerRequest) throws {
        let (operation, _) = try #require(Description.operation(request.method.rawValue, request.path))
        let shape = try #require(operation.body)
        #expect(shape.problem(with: try JSONValue(parsing: request.body)) == nil)
    }

    @Test func filesHaveTheSameNumbersWhateverTheMachineHas() {
        let few = Self.program.program(Self.descriptors(drives: [30]))
        let many = Self.program.program(Self.descriptors(drives: [30, 31, 32, 33, 34]))
        #expect(many.descriptors == [10, 11, 12, 13, 30, 31, 32, 33, 34, 20, 21])
        #expect(few.descriptors == [10, 11, 12, 13, 30, 13, 13, 13, 13, 20, 21])
        #expect(few.arguments == ["/usr/bin/firecracker", "--api-sock", "/proc/self/fd/3/api"])
    }

    @Test func allPathsAreOfTheProcessItself() throws {
        for request in Self.all {
            let body = try JSONValue(parsing: request.body)
            let places = [
                body["path_on_host"], body["kernel_image_path"], body["initrd_path"], body["uds_path"],
                body["snapshot_path"], body["mem_file_path"], body["mem_backend"]?["backend_path"],
            ]
            for place in places.compactMap({ $0?.text }) { #expect(place.hasPrefix("/proc/self/fd/")) }
        }
    }

    @Test func aCopyWaitsPaused() throws {
        let requests = Self.program.requests(for: Self.machine, .restore)
        #expect(requests == [.loadSnapshot(state: "/proc/self/fd/13", memory: "/proc/self/fd/12")])
        #expect(try JSONValue(parsing: requests[0].body)["resume_vm"] == .boolean(false))
    }

    @Test func theShapeIsOfTheMachineAndNotOfItsDescriptors() {
        var other = Self.machine
        other.drives[0].descriptor = 99
        #expect(Self.program.shape(of: other) == Self.program.shape(of: Self.machine))
        let changes: [(inout MachineSpecification) -> Void] = [
            { $0.kernel.contentID = "another" }, { $0.initialFiles.contentID = "another" }, { $0.memoryMiB = 256 },
            { $0.processors = 1 }, { $0.drives.removeLast() }, { $0.drives[1].isReadOnly = true },
            { $0.hasConsole = true },
        ]
        for change in changes {
            other = Self.machine
            change(&other)
            #expect(Self.program.shape(of: other) != Self.program.shape(of: Self.machine))
        }
    }
}

/// The description itself: what it must not let pass.
@Suite struct FirecrackerDescriptionTests {
    private struct Files: Model.Host {
        func problem(opening path: String, writable: Bool) -> String? { path == "/none" ? "there is no /none" : nil }
        func listen(at path: String) -> String? { nil }
        func save(_ machine: Model.Machine, state: String, memory: String) -> String? { nil }
        func load(state: String, memory: String) -> Result<Model.Machine, Model.Failure> {
            state == "/damaged" ? .failure(Model.Failure("damaged")) : .success(Model.Machine())
        }
    }

    private static func answers(_ requests: (String, String, String)...) -> [Model.Answer] {
        var model = Model()
        return requests.map { model.answer($0.0, $0.1, Array($0.2.utf8), Files()) }
    }

    @Test(arguments: [
        ("PUT", "/machine-config", #"{"vcpu_count": 1}"#),
        ("PUT", "/machine-config", #"{"vcpu_count": 33, "mem_size_mib": 128}"#),
        ("PUT", "/machine-config", #"{"vcpu_count": "1", "mem_size_mib": 128}"#),
        ("PUT", "/machine-config", #"{"vcpu_count": 1.5, "mem_size_mib": 128}"#),
        ("PUT", "/machine-config", #"{"vcpu_count": 1, "mem_size_mib": 128, "ht_enabled": false}"#),
        ("PUT", "/boot-source", #"{"boot_args": "quiet"}"#), ("PUT", "/boot-source", "[]"), ("PUT", "/boot-source", ""),
        ("PUT", "/drives/a", #"{"drive_id": "b", "is_root_device": false, "path_on_host": "/f"}"#),
        ("PUT", "/drives/a", #"{"drive_id": "a", "path_on_host": "/f", "is_read_only": true}"#),
        ("PUT", "/vsock", #"{"guest_cid": 2, "uds_path": "/s"}"#),
        ("PUT", "/actions", #"{"action_type": "InstanceStop"}"#),
        (
            "PUT", "/snapshot/load",
            #"{"snapshot_path": "/s", "mem_backend": {"backend_type": "Disk", "backend_path": "/m"}}"#
        ),
        ("PUT", "/snapshot/load", #"{"snapshot_path": "/s"}"#),
        ("GET", "/", "{}"),
    ])
    func whatIsNotOfADescribedShapeIsRefused(method: String, path: String, body: String) {
        guard case .malformed = Self.answers((method, path, body))[0] else {
            Issue.record("taken: \(method) \(path) \(body)")
            return
        }
    }

    @Test(arguments: [
        ("PUT", "/vm"), ("PATCH", "/actions"), ("PUT", "/drives"), ("PUT", "/drives/"), ("DELETE", "/vsock"),
        ("PUT", "/machine-config/"), ("POST", "/snapshot/create"),
    ])
    func whatIsNotDescribedIsRefused(method: String, path: String) {
        #expect(Self.answers((method, path, "{}")) == [.unknownOperation])
    }

    private static let kernel = ("PUT", "/boot-source", #"{"kernel_image_path": "/k"}"#)
    private static let start = ("PUT", "/actions", #"{"action_type": "InstanceStart"}"#)
    private static let pause = ("PATCH", "/vm", #"{"state": "Paused"}"#)
    private static let create = ("PUT", "/snapshot/create", #"{"snapshot_path": "/s", "mem_file_path": "/m"}"#)
    private static let load = ("PUT", "/snapshot/load", #"{"snapshot_path": "/s", "mem_file_path": "/m"}"#)

    private static func isWrongTime(_ answer: Model.Answer?) -> Bool {
        if case .wrongTime? = answer { true } else { false }
    }

    @Test func whatComesAtAWrongTimeIsRefused() {
        #expect(Self.isWrongTime(Self.answers(Self.pause).last))
        #expect(Self.isWrongTime(Self.answers(Self.kernel, Self.start, Self.create).last))
        #expect(Self.answers(Self.kernel, Self.start, Self.pause, Self.create).last == .done)
        #expect(Self.isWrongTime(Self.answers(Self.kernel, Self.load).last))
        #expect(Self.isWrongTime(Self.answers(Self.kernel, Self.start, Self.kernel).last))
        #expect(Self.isWrongTime(Self.answers(Self.load, Self.start).last))
        #expect(Self.answers(Self.load, Self.pause, Self.create).last == .done)
        #expect(Self.answers(Self.start) == [.failed("there is no kernel")])
    }

    @Test func afterASnapshotThatCannotBeLoadedThereIsNothing() {
        let damaged = ("PUT", "/snapshot/load", #"{"snapshot_path": "/damaged", "mem_file_path": "/m"}"#)
        let answers = Self.answers(damaged, Self.kernel)
        #expect(answers[0] == .failed("damaged"))
        #expect(Self.isWrongTime(answers[1]))
    }
}
