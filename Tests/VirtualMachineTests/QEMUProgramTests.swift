import Testing

@testable import VirtualMachine

@Suite struct QEMUProgramTests {
    private static let program = QEMUProgram(executable: "/usr/bin/qemu", accelerator: .tcg, counterKHz: 2_000_000)
    private static let machine = MachineSpecification(
        memoryMiB: 128,
        kernel: MachineFile(descriptor: 20, contentID: "k"),
        initialFiles: MachineFile(descriptor: 21, contentID: "i"),
        drives: [MachineDrive(descriptor: 30, isReadOnly: true), MachineDrive(descriptor: 31, isReadOnly: false)]
    )
    private static let descriptors = QEMUProgram.Descriptors(control: 10, channel: 11, memory: 12)

    /// The machine with a tap device behind its network interface.
    private static let connected = {
        var connected = machine
        connected.network = .tap
        return connected
    }()

    private static func arguments(_ start: QEMUProgram.Start) -> String {
        program.program(for: machine, start, descriptors).arguments.joined(separator: " ")
    }

    @Test func allFilesAreDescriptorsInTheirOrder() {
        let program = Self.program.program(for: Self.machine, .boot, Self.descriptors)
        #expect(program.descriptors == [10, 11, 12, 20, 21, 30, 31])
        let text = Self.arguments(.boot)
        #expect(text.contains("-add-fd fd=8,set=1") && text.contains("-add-fd fd=9,set=2"))
        #expect(text.contains("-kernel /proc/self/fd/6 -initrd /proc/self/fd/7"))
        #expect(!text.contains("/dev/shm") && !text.contains("/tmp"))
    }

    @Test(arguments: [QEMUProgram.Start.boot, .incoming(isWritingMemory: false)])
    func theProcessGivesUpWhatItNeedsNot(start: QEMUProgram.Start) {
        let sandbox = "-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"
        #expect(Self.arguments(start).contains(sandbox))
        #expect(Self.arguments(start).contains("-nodefaults -no-user-config -no-reboot"))
    }

    @Test func aCopyHasPagesOfItsOwnAndWaitsPaused() {
        #expect(Self.arguments(.boot).contains("share=on"))
        #expect(!Self.arguments(.boot).contains("-incoming"))
        #expect(Self.arguments(.incoming(isWritingMemory: false)).contains("share=off"))
        #expect(Self.arguments(.incoming(isWritingMemory: true)).contains("share=on"))
        #expect(Self.arguments(.incoming(isWritingMemory: true)).contains("-incoming defer -S"))
    }

    @Test func theShapeIsOfTheMachineAndNotOfItsDescriptors() {
        var other = Self.machine
        other.drives[0].descriptor = 99
        #expect(Self.program.shape(of: other) == Self.program.shape(of: Self.machine))
        other.kernel.contentID = "another"
        #expect(Self.program.shape(of: other) != Self.program.shape(of: Self.machine))
        other = Self.machine
        other.memoryMiB = 256
        #expect(Self.program.shape(of: other) != Self.program.shape(of: Self.machine))
    }

    /// So a copy may have another end of it than its template.
    @Test func theGuestSeesTheSameNetworkInterfaceWhateverIsBehindIt() {
        #expect(Self.program.shape(of: Self.connected) == Self.program.shape(of: Self.machine))
        let connected = Self.program.program(for: Self.connected, .incoming(isWritingMemory: false), Self.descriptors)
        let other = Self.program.program(for: Self.machine, .incoming(isWritingMemory: false), Self.descriptors)
        for program in [connected, other] {
            #expect(program.arguments.count { $0.hasPrefix("virtio-net-device,") } == 1)
        }
        #expect(!other.hasTap && !other.arguments.contains("-netdev"))
    }

    @Test func theTapDeviceIsTheDescriptorAfterAllOthers() {
        let program = Self.program.program(for: Self.connected, .boot, Self.descriptors)
        #expect(program.hasTap)
        #expect(program.descriptors == [10, 11, 12, 20, 21, 30, 31])
        #expect(program.arguments.contains("tap,id=network,fd=10"))
    }

    @Test func noTwoFilesOfDrivesHaveOneNumber() {
        var numbers: Set<Int> = []
        for generation in 0..<20 {
            for drive in 0..<MachineSpecification.drivesMax {
                #expect(numbers.insert(QEMUProgram.fileSet(ofDrive: drive, generation: generation)).inserted)
            }
        }
    }
}
