# frozen_string_literal: true

# The user's function: `file.method`, or `file.Module::Class.method` for a method of a class or module. The class has
# the official client's name, since that is what Ruby says of a handler that is not there.
class LambdaHandler
  # Loads the file; raises what it raises.
  def self.load(name, root)
    handler = new(name)
    $LOAD_PATH.unshift(root) unless $LOAD_PATH.include?(root)
    require handler.handler_file_name
    handler
  end

  # Names that no function is likely to have at its top, since there such a method would hide behind this one.
  attr_reader :handler_file_name

  def initialize(name)
    parts = name.split('.')
    case parts.size
    when 2 then @handler_file_name, @method = parts
    when 3 then @handler_file_name, @class, @method = parts
    else
      raise ArgumentError, "Invalid handler #{parts}, must be of form FILENAME.METHOD or FILENAME.CLASS.METHOD where " \
                           'FILENAME corresponds with an existing Ruby source file FILENAME.rb, CLASS is an optional ' \
                           'module/class namespace and METHOD is a callable method. If using CLASS, METHOD must be a ' \
                           'class-level method.'
    end
  end

  # A method at the top of a file is a private method of every object, this one included.
  def call_handler(event, context)
    receiver = @class ? Kernel.const_get(@class) : self
    receiver.__send__(@method, event: event, context: context)
  end
end
