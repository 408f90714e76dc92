import Glibc
import LambdaAPI
import Logging
import NIOCore
import RuntimeAPI
import Sandbox
import Telemetry

// What the task that looks after the sandbox tells.
extension ExecutionEnvironment {
    /// Takes over a sandbox, and begins to initialise in it.
    ///
    /// - Returns: Whether the environment is still wanted.
    func sandboxBecameReady(_ sandbox: any Sandbox, log: FunctionLogStream) throws(SandboxError) -> Bool {
        eventLoop.preconditionInEventLoop()
        let deadline = NIODeadline.now() + settings.initialisationTimeout
        guard lifecycle.sandboxBecameReady(deadline: deadline) else { return false }
        try takeOver(sandbox, log)
        initialise(.initialisation)
        armTimer()
        return true
    }

    /// Serves the processes in a sandbox.
    ///
    /// - Parameter standing: What the Runtime API knew of them, if they are copies.
    func takeOver(
        _ sandbox: any Sandbox,
        _ log: FunctionLogStream,
        restoring standing: RuntimeAPIStanding? = nil
    ) throws(SandboxError) {
        guard let listener = sandbox.takeRuntimeAPIListener() else {
            throw SandboxError(.setUpFailed, "the sandbox has no Runtime API socket to give")
        }
        self.sandbox = sandbox
        platformLog.stream = log
        let server = RuntimeAPIServer(
            eventLoop: eventLoop,
            settings: runtimeAPISettings,
            delegate: self,
            restoring: standing
        )
        runtimeAPI = server
        server.serve(on: listener).whenFailure { [self] error in
            fail(.host(reason: "failed to serve the Runtime API: \(error)"))
        }
    }

    private var runtimeAPISettings: RuntimeAPISettings {
        var settings = RuntimeAPISettings(
            responseBytesMax: self.settings.responseBytesMax,
            functionName: function.name.rawValue,
            functionVersion: function.version.rawValue,
            handler: function.handler,
            accountID: function.locality.accountID,
            metadataToken: metadataToken,
            availabilityZoneID: function.locality.availabilityZoneID
        )
        guard initializationType == .snapStart else { return settings }
        settings.startsFromSnapshot = true
        settings.isTemplate = snapshotOrder != nil
        settings.credentials = credentials.givenOut
        return settings
    }

    /// Has the processes started.
    func initialise(_ phase: PlatformEvent.InitialisationPhase) {
        limitCPU(false)
        initialisationPhase = phase
        initialisationStartedAt = .now()
        telemetry.initialisationBegan()
        platformLog.stream?.setTap(nil)
        publish(.initStart(phase))
        commandsContinuation.yield(.startProcesses(processes.begin()))
    }

    /// Extensions are about to be started.
    ///
    /// - Returns: Whether they are still wanted; if there are too many of them, they are not.
    func extensionsStarting(_ names: [String], _ generation: ProcessGeneration) -> Bool {
        eventLoop.preconditionInEventLoop()
        guard isCurrent(generation) else { return false }
        for name in names where runtimeAPI?.extensionStarting(name) != true {
            fail(.extensionExit(errorType: "Extension.TooManyExtensions", .withoutReason))
            return false
        }
        return true
    }

    /// A process runs.
    func processStarted(_ role: EnvironmentProcesses.Role, _ process: SandboxProcess, _ generation: ProcessGeneration) {
        eventLoop.preconditionInEventLoop()
        guard processes.generation == generation else { return }
        processes.started(role, process)
    }

    /// A process has ended, by itself or with its sandbox as a whole. The latter is nothing that a function does, unless it takes
    /// all memory.
    func processEnded(_ role: EnvironmentProcesses.Role, _ exit: ProcessExit, _ generation: ProcessGeneration) {
        eventLoop.preconditionInEventLoop()
        guard exit == .lost, sandbox?.hasExceededMemory() != true else {
            return processExited(role, RuntimeExit(exit), generation)
        }
        guard processes.generation == generation, !lifecycle.hasEnded else { return }
        processes.ended(role)
        fail(.host(reason: "the sandbox has ended as a whole"))
    }

    /// A process has ended, or could not be executed.
    func processExited(_ role: EnvironmentProcesses.Role, _ exit: RuntimeExit, _ generation: ProcessGeneration) {
        eventLoop.preconditionInEventLoop()
        guard processes.generation == generation, !lifecycle.hasEnded else { return }
        processes.ended(role)
        let exit = exit == .signal(Int(SIGKILL)) && sandbox?.hasExceededMemory() == true ? .outOfMemory : exit
        switch role {
        case .runtime:
            if let actions = shutdown?.runtimeExited() { carryOut(actions) }
            fail(.runtimeExit(exit))
        case .extension(let name):
            let errorType = errorType(ofExtension: name, exit)
            if let actions = shutdown?.extensionExited(name) { carryOut(actions) }
            fail(.extensionExit(errorType: errorType, exit))
        }
    }

    private func errorType(ofExtension name: String, _ exit: RuntimeExit) -> String {
        guard let runtimeAPI else { return "Extension.Crash" }
        guard case .notExecutable = exit else { return runtimeAPI.extensionExited(name) }
        runtimeAPI.extensionLaunchFailed(name, errorType: "Extension.LaunchError")
        return "Extension.LaunchError"
    }

    /// Whether processes of this generation are still wanted.
    func isCurrent(_ generation: ProcessGeneration) -> Bool {
        processes.generation == generation && lifecycle.isInitialising
    }

    /// No process is left.
    func processesEnded() {
        eventLoop.preconditionInEventLoop()
        runtimeAPI?.reset()
        telemetry.removeAll()
        switch lifecycle.processesEnded() {
        case .none:
            break
        case .reportStopped:
            // It is as good as idle; what differs is only how long the next invoke takes.
            // Before the environment may be given another invoke.
            let failed = response.failedInvoke.take()
            observer.environmentBecameIdle(self)
            complete(failed)
        case .end:
            close()
            observer.environmentEnded(self)
        }
    }

    /// Nothing of the environment is left on the host.
    func wasRemoved() {
        eventLoop.preconditionInEventLoop()
        sandbox = nil
        runtimeAPI?.close()
        platformLog.stream?.setTap(nil)
        platformLog.stream = nil
        observer.environmentRemoved(self)
    }
}
