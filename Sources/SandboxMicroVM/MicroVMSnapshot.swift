import Foundation
import Glibc
import Sandbox
import VirtualMachine

/// A sandbox with processes in it that copies are made of.
final class MicroVMSnapshot: SandboxSnapshot {
    let template: MachineTemplates.Template
    /// What the machine was made of.
    let make: MachineTemplates.Make
    /// The host's directories that its guest has mounted; of one that was read from the disk, none are known.
    let mounts: [ReadOnlyMount]
    /// What is behind the drives of what its guest has mounted. Copies need the same, or a copy of it.
    let drives: SnapshotDrives

    init(
        template: MachineTemplates.Template,
        make: MachineTemplates.Make,
        mounts: [ReadOnlyMount],
        drives: SnapshotDrives
    ) {
        self.template = template
        self.make = make
        self.mounts = mounts
        self.drives = drives
    }
}

/// The files behind drives at the moment of a snapshot.
final class SnapshotDrives: Sendable {
    /// The size of the `/tmp` that is mounted, if one is.
    let temporaryStorageBytes: Int?
    private let files: [GuestDrive: CInt]

    /// - Parameter files: Theirs to close. That of `/tmp` must not be written to any more.
    init(_ files: [GuestDrive: CInt], temporaryStorageBytes: Int?) {
        self.files = files
        self.temporaryStorageBytes = temporaryStorageBytes
    }

    deinit {
        for file in files.values { close(file) }
    }

    /// Their files for another machine, the caller's to close: the same of what cannot be written, a copy of `/tmp`.
    ///
    /// - Parameter copies: Where the copy is made.
    func opened(_ copies: GuestDriveFiles) throws(SandboxError) -> [GuestDrive: CInt] {
        var opened: [GuestDrive: CInt] = [:]
        do throws(SandboxError) {
            for (drive, file) in files {
                opened[drive] = drive.isReadOnly ? fcntl(file, F_DUPFD_CLOEXEC, 0) : try copies.copy(of: file)
            }
            return opened
        } catch {
            for file in opened.values { close(file) }
            throw error
        }
    }

    // MARK: Files

    /// What is written beside the files of drives to find them whole again.
    struct Saved: Codable {
        struct File: Codable {
            let drive: Int
            let file: SavedFile
        }

        let files: [File]
        let temporaryStorageBytes: Int?
    }

    private static func path(_ drive: GuestDrive, in directory: String) -> String {
        "\(directory)/drive-\(drive.rawValue)"
    }

    func save(in directory: String) throws(VirtualMachineError) -> Saved {
        var saved: [Saved.File] = []
        for (drive, file) in files {
            let copy = try SavedFile(copying: file, to: Self.path(drive, in: directory))
            saved.append(Saved.File(drive: drive.rawValue, file: copy))
        }
        return Saved(files: saved, temporaryStorageBytes: temporaryStorageBytes)
    }

    /// - Throws: `.incompatible` when a file is not there as it was written.
    static func load(_ saved: Saved, from directory: String) throws(VirtualMachineError) -> SnapshotDrives {
        var files: [GuestDrive: CInt] = [:]
        do throws(VirtualMachineError) {
            for entry in saved.files {
                guard let drive = GuestDrive(rawValue: entry.drive), files[drive] == nil else {
                    throw VirtualMachineError(.incompatible, "a snapshot with a drive of number \(entry.drive)")
                }
                let path = path(drive, in: directory)
                let file = try SavedFile.open(path)
                files[drive] = file
                try entry.file.check(file, of: path)
            }
            return SnapshotDrives(files, temporaryStorageBytes: saved.temporaryStorageBytes)
        } catch {
            for file in files.values { close(file) }
            throw error
        }
    }
}

// MARK: - Files

extension MicroVMSnapshot {
    /// What is written beside the files of a snapshot.
    private struct Saved: Codable {
        let userland: String
        let rootImage: String
        let functionMiB: Int
        let machine: SavedSnapshot
        let standing: GuestStanding
        let drives: SnapshotDrives.Saved
    }

    private static func path(_ directory: String) -> String { "\(directory)/sandbox.json" }

    /// Writes everything to a directory that has nothing of the kind yet.
    ///
    /// - Parameter rootImage: What names the content of its root file system.
    func save(in directory: String, rootImage: String) throws(SandboxError) {
        do {
            let saved = Saved(
                userland: make.userland.rawValue,
                rootImage: rootImage,
                functionMiB: make.size.functionMiB,
                machine: try SavedSnapshot(template.snapshot, in: directory),
                standing: template.standing,
                drives: try drives.save(in: directory)
            )
            try JSONEncoder().encode(saved).write(to: URL(fileURLWithPath: Self.path(directory)))
        } catch {
            throw SandboxError(.snapshotFailed, "failed to write a snapshot: \(error)")
        }
    }

    /// Reads what ``save(in:rootImage:)`` has written.
    ///
    /// - Parameter rootImage: Names the content of the root file system of a userland today.
    /// - Throws: `.incompatible` when it is not there as it was written, or copies could not be made of it any more.
    static func load(
        from directory: String,
        rootImage: (UserlandID) -> String?
    ) throws(SandboxError) -> MicroVMSnapshot {
        do {
            let saved = try JSONDecoder().decode(
                Saved.self,
                from: try Data(contentsOf: URL(fileURLWithPath: path(directory)))
            )
            let userland = UserlandID(saved.userland)
            guard rootImage(userland) == saved.rootImage else {
                throw SandboxError(.incompatible, "the image of \(userland) is another now")
            }
            guard let size = GuestSize.all.first(where: { $0.functionMiB == saved.functionMiB }) else {
                throw SandboxError(.incompatible, "there are no machines for \(saved.functionMiB) MiB any more")
            }
            return MicroVMSnapshot(
                template: MachineTemplates.Template(
                    snapshot: try saved.machine.load(from: directory),
                    standing: saved.standing
                ),
                make: MachineTemplates.Make(userland: userland, size: size),
                mounts: [],
                drives: try .load(saved.drives, from: directory)
            )
        } catch {
            throw SandboxError(.incompatible, "\(directory) has no snapshot that can be used: \(error)")
        }
    }
}
