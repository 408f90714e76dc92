import Foundation

/// What Firecracker is asked over its API: HTTP requests with an object of JSON each. Pure. The facts are those of Firecracker's
/// `src/firecracker/swagger/firecracker.yaml`, and only members are used that all its versions from 1.1 on take.
enum FirecrackerRequest: Hashable, Sendable {
    case machine(processors: Int, memoryMiB: Int)
    case bootSource(kernel: String, initialFiles: String, commandLine: String)
    case drive(id: String, path: String, isReadOnly: Bool)
    /// A way to sockets of the guest's, at a unix socket that Firecracker makes.
    case vsock(guest: Int, path: String)
    case start
    case loadSnapshot(state: String, memory: String)
    case pause
    case resume
    case createSnapshot(state: String, memory: String)
    case replaceDrive(id: String, path: String)

    enum Method: String, Sendable {
        case put = "PUT"
        case patch = "PATCH"
    }

    var method: Method {
        switch self {
        case .machine, .bootSource, .drive, .vsock, .start, .loadSnapshot, .createSnapshot: .put
        case .pause, .resume, .replaceDrive: .patch
        }
    }

    var path: String {
        switch self {
        case .machine: "/machine-config"
        case .bootSource: "/boot-source"
        case .drive(let id, _, _), .replaceDrive(let id, _): "/drives/\(id)"
        case .vsock: "/vsock"
        case .start: "/actions"
        case .loadSnapshot: "/snapshot/load"
        case .pause, .resume: "/vm"
        case .createSnapshot: "/snapshot/create"
        }
    }

    /// The body, with its members in the order of their names.
    var body: [UInt8] {
        // Objects out of nothing but strings, numbers, booleans and their like can always be written.
        let data = try? JSONSerialization.data(
            withJSONObject: members,
            options: [.sortedKeys, .withoutEscapingSlashes]
        )
        return Array(data ?? Data("{}".utf8))
    }

    private var members: [String: Any] {
        switch self {
        case .machine(let processors, let memoryMiB):
            ["vcpu_count": processors, "mem_size_mib": memoryMiB]
        case .bootSource(let kernel, let initialFiles, let commandLine):
            ["kernel_image_path": kernel, "initrd_path": initialFiles, "boot_args": commandLine]
        case .drive(let id, let path, let isReadOnly):
            // The guest's root is in its initial files; no drive is one that the kernel would look for it on.
            ["drive_id": id, "is_root_device": false, "is_read_only": isReadOnly, "path_on_host": path]
        case .vsock(let guest, let path):
            ["guest_cid": guest, "uds_path": path]
        case .start:
            ["action_type": "InstanceStart"]
        case .loadSnapshot(let state, let memory):
            [
                "snapshot_path": state,
                "mem_backend": ["backend_type": "File", "backend_path": memory],
                "resume_vm": false,
            ]
        case .pause:
            ["state": "Paused"]
        case .resume:
            ["state": "Resumed"]
        case .createSnapshot(let state, let memory):
            ["snapshot_type": "Full", "snapshot_path": state, "mem_file_path": memory]
        case .replaceDrive(let id, let path):
            ["drive_id": id, "path_on_host": path]
        }
    }
}
