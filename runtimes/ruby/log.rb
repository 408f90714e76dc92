# frozen_string_literal: true

require 'json'
require 'logger'
require_relative 'runtime_error'

module SwiftletRuntime
  # The function's log: what `Logger` writes to the standard output or error, in Lambda's two formats. What is printed
  # otherwise stays as it is.
  module Log
    LEVELS = { 'TRACE' => Logger::DEBUG, 'DEBUG' => Logger::DEBUG, 'INFO' => Logger::INFO, 'WARN' => Logger::WARN,
               'ERROR' => Logger::ERROR, 'FATAL' => Logger::FATAL }.freeze

    class << self
      # The invoke that lines belong to; nil during init.
      attr_accessor :request_id, :tenant_id

      def json?
        @json
      end

      # The level from which on a logger writes whose maker has named none.
      def level
        json? ? LEVELS.fetch(ENV.fetch('AWS_LAMBDA_LOG_LEVEL', '').upcase, Logger::INFO) : Logger::DEBUG
      end

      def install
        @json = ENV.fetch('AWS_LAMBDA_LOG_FORMAT', '').casecmp?('JSON')
        Logger.prepend(LoggerPatch)
      end

      # Writes an error that the runtime has met.
      def error(title, error)
        if json?
          fields = { errorType: error.type, errorMessage: error.message, stackTrace: error.stack }
          $stdout.write(JSONFormatter.line('ERROR', Time.now, title, fields))
        else
          $stdout.write("#{title}\n#{JSON.pretty_generate(error.payload)}\n")
        end
      rescue IOError, SystemCallError
        # The function has closed its output. Logging must not make its invokes fail.
      end

      # Writes a line of the runtime's own.
      def warn(text)
        Logger.new($stdout).warn(text)
      end
    end

    # `I, [2026-01-01T00:00:00.000000 #7]  INFO <request id> -- : text`
    class TextFormatter < Logger::Formatter
      def call(severity, time, program, message)
        FunctionError.text(
          Kernel.format("%s, [%s #%d] %5s %s -- %s: %s\n", severity[0], format_datetime(time), Process.pid, severity,
                 Log.request_id, program, msg2str(message))
        )
      end
    end

    # One object a line.
    class JSONFormatter < Logger::Formatter
      FRAME = /\A(?<file>.+):(?<line>\d+):in [`'](?<method>.+)'\z/

      def self.line(severity, time, message, more)
        record = {
          timestamp: time.getutc.strftime('%Y-%m-%dT%H:%M:%S.%6NZ'), level: severity, message: message,
          requestId: Log.request_id, tenantId: Log.tenant_id, **more
        }
        "#{JSON.generate(record.compact)}\n"
      end

      def call(severity, time, program, message)
        more = {}
        more[:logger] = FunctionError.text(program) unless program.nil? || program.to_s.empty?
        more.update(error_fields(message)) if message.is_a?(Exception)
        text = message.is_a?(Exception) ? message.message : msg2str(message)
        JSONFormatter.line(severity, time, FunctionError.text(text), more)
      end

      private

      def error_fields(error)
        stack = (error.backtrace || []).map { |frame| FunctionError.text(frame) }
        frame = FRAME.match(stack.first.to_s)
        location = frame ? "#{frame[:file]}:#{frame[:method]}:#{frame[:line]}" : stack.first
        { errorType: error.class.to_s, errorMessage: FunctionError.text(error.message), stackTrace: stack,
          location: location }
      end
    end

    # Gives a logger Lambda's format and level, where its maker has not chosen others. A logger without a device writes
    # to the log too, as it does on Lambda.
    module LoggerPatch
      def initialize(device = nil, *rest, level: Log.level, formatter: nil, **more)
        if device.nil? || device.equal?($stdout) || device.equal?($stderr) ||
           device.equal?(STDOUT) || device.equal?(STDERR)
          device ||= $stdout
          formatter ||= Log.json? ? JSONFormatter.new : TextFormatter.new
        end
        super(device, *rest, level: level, formatter: formatter, **more)
      end
    end
  end
end
