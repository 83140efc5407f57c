# The original's documents name this folder. It leads to the module that PowerShell finds by its name, two folders beside this one.
@{
    RootModule    = '..\..\..\WindowsPowerShell\Modules\OMSGateway\OMSGateway.psm1'
    ModuleVersion = '@VERSION@'
}
