/// What one Firecracker process answers, and what state its machine is in. Pure, but for what it asks of files.
package struct Model {
    package enum State: Hashable, Sendable {
        /// -> running, paused (a snapshot was loaded), ended.
        case notStarted(isConfigured: Bool)
        /// -> paused, ended.
        case running
        /// -> running, ended.
        case paused
        case ended
    }

    package struct Drive: Hashable, Sendable, Codable {
        package var path: String
        package var isReadOnly: Bool
    }

    /// What is kept in a snapshot's state, and is opened again at the same paths.
    package struct Machine: Hashable, Sendable, Codable {
        package init() {}

        package var memoryMiB = 128
        package var kernel: String?
        package var initialFiles: String?
        package var commandLine: String?
        package var drives: [String: Drive] = [:]
        package var guestSocket: String?
    }

    package enum Answer: Hashable, Sendable {
        case done
        /// Why it was refused. The first three are what no asker should ever be told.
        case unknownOperation
        case malformed(String)
        case wrongTime(String)
        case failed(String)

        package var fault: String? {
            switch self {
            case .done: nil
            case .unknownOperation: "there is no such operation"
            case .malformed(let text), .wrongTime(let text), .failed(let text): text
            }
        }
    }

    /// What the machine is made of outside of this process.
    package protocol Host {
        /// What is wrong with a file, if anything is.
        func problem(opening path: String, writable: Bool) -> String?
        func listen(at path: String) -> String?
        func save(_ machine: Machine, state: String, memory: String) -> String?
        /// A machine, or what is wrong.
        func load(state: String, memory: String) -> Result<Machine, Failure>
    }

    package struct Failure: Error {
        package let text: String

        package init(_ text: String) {
            self.text = text
        }
    }

    package private(set) var state = State.notStarted(isConfigured: false)
    package private(set) var machine = Machine()

    package init() {}

    package mutating func answer(_ method: String, _ path: String, _ body: [UInt8], _ host: some Host) -> Answer {
        guard let (operation, name) = Description.operation(method, path) else { return .unknownOperation }
        var value = JSONValue.null
        if let shape = operation.body {
            guard let parsed = try? JSONValue(parsing: body) else { return .malformed("the body is not JSON") }
            if let problem = shape.problem(with: parsed) { return .malformed(problem) }
            value = parsed
        } else if !body.isEmpty {
            return .malformed("there is a body")
        }
        if let name, let own = value["drive_id"] ?? value["iface_id"] ?? value["id"], own.text != name {
            return .malformed("the names in path and body differ")
        }
        if let refusal = refusal(operation.time) { return refusal }
        let answer = perform(operation, name, value, host)
        if case .notStarted = state, operation.configures { state = .notStarted(isConfigured: true) }
        return answer
    }

    private func refusal(_ time: Operation.Time) -> Answer? {
        switch (time, state) {
        case (_, .ended): .wrongTime("the process has ended")
        case (.before, .running), (.before, .paused): .wrongTime("this is not for after the start")
        case (.after, .notStarted): .wrongTime("this is not for before the start")
        default: nil
        }
    }

    private mutating func perform(
        _ operation: Operation,
        _ name: String?,
        _ value: JSONValue,
        _ host: some Host
    ) -> Answer {
        switch (operation.method, operation.path) {
        case ("PUT", "/machine-config"):
            if case .number(let size)? = value["mem_size_mib"] { machine.memoryMiB = Int(size) }
        case ("PUT", "/boot-source"):
            for path in ["kernel_image_path", "initrd_path"].compactMap({ value[$0]?.text }) {
                if let problem = host.problem(opening: path, writable: false) { return .failed(problem) }
            }
            machine.kernel = value["kernel_image_path"]?.text
            machine.initialFiles = value["initrd_path"]?.text
            machine.commandLine = value["boot_args"]?.text
        case ("PUT", "/drives/*"):
            guard let name, let path = value["path_on_host"]?.text, value["is_read_only"] != nil else {
                return .failed("a drive of another kind")
            }
            let isReadOnly = value["is_read_only"]?.isTrue ?? false
            if let problem = host.problem(opening: path, writable: !isReadOnly) { return .failed(problem) }
            machine.drives[name] = Drive(path: path, isReadOnly: isReadOnly)
        case ("PATCH", "/drives/*"):
            guard let name, let drive = machine.drives[name] else { return .failed("there is no such drive") }
            guard let path = value["path_on_host"]?.text else { break }
            if let problem = host.problem(opening: path, writable: !drive.isReadOnly) { return .failed(problem) }
            machine.drives[name]?.path = path
        case ("PUT", "/vsock"):
            guard let path = value["uds_path"]?.text else { break }
            if let problem = host.listen(at: path) { return .failed(problem) }
            machine.guestSocket = path
        case ("PUT", "/actions"): return act(value["action_type"]?.text)
        case ("PATCH", "/vm"): state = value["state"]?.text == "Paused" ? .paused : .running
        case ("PUT", "/snapshot/create"):
            guard state == .paused else { return .wrongTime("the machine is not paused") }
            guard let path = value["snapshot_path"]?.text, let memory = value["mem_file_path"]?.text else { break }
            if let problem = host.save(machine, state: path, memory: memory) { return .failed(problem) }
        case ("PUT", "/snapshot/load"): return load(value, host)
        default: break
        }
        return .done
    }

    private mutating func act(_ action: String?) -> Answer {
        switch (action, state) {
        case ("InstanceStart", .notStarted):
            guard machine.kernel != nil else { return .failed("there is no kernel") }
            state = .running
            return .done
        case ("InstanceStart", _): return .wrongTime("the machine has been started")
        case (_, .notStarted): return .wrongTime("the machine has not been started")
        default: return .done
        }
    }

    private mutating func load(_ value: JSONValue, _ host: some Host) -> Answer {
        guard state == .notStarted(isConfigured: false) else { return .wrongTime("the machine has been configured") }
        let backend = value["mem_backend"]
        guard let path = value["snapshot_path"]?.text, (backend == nil) != (value["mem_file_path"] == nil),
            let memory = backend?["backend_path"]?.text ?? value["mem_file_path"]?.text
        else { return .malformed("there has to be one memory") }
        // From here on a failure leaves nothing that could go on.
        state = .ended
        switch host.load(state: path, memory: memory) {
        case .failure(let failure): return .failed(failure.text)
        case .success(let loaded):
            for drive in loaded.drives.values {
                if let problem = host.problem(opening: drive.path, writable: !drive.isReadOnly) {
                    return .failed(problem)
                }
            }
            if let socket = loaded.guestSocket, let problem = host.listen(at: socket) { return .failed(problem) }
            machine = loaded
            state = value["resume_vm"]?.isTrue == true ? .running : .paused
            return .done
        }
    }
}
